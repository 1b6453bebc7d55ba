//! The nearest right spelling of a word somebody mistyped.

/// The candidate nearest to `found`, if one is near enough to be what was meant.
///
/// Near enough is an edit distance of at most a third of the longer word, and at least one.
pub(crate) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&found, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let longer = found.chars().count().max(candidate.chars().count());
            *distance <= (longer / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Names in backticks, joined by commas.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let width = to.len() + 1;
    let mut table = vec![0usize; (from.len() + 1) * width];
    let at = |row: usize, column: usize| row * width + column;
    for row in 0..=from.len() {
        for column in 0..width {
            table[at(row, column)] = if row == 0 {
                column
            } else if column == 0 {
                row
            } else {
                let same = usize::from(from[row - 1] != to[column - 1]);
                let mut best = (table[at(row - 1, column)] + 1)
                    .min(table[at(row, column - 1)] + 1)
                    .min(table[at(row - 1, column - 1)] + same);
                if row > 1
                    && column > 1
                    && from[row - 1] == to[column - 2]
                    && from[row - 2] == to[column - 1]
                {
                    best = best.min(table[at(row - 2, column - 2)] + 1);
                }
                best
            };
        }
    }
    table[at(from.len(), to.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let keys = ["count", "resources", "attributes", "image"];
        let cases = [
            ("cuont", Some("count")),
            ("Count", Some("count")),
            ("ressources", Some("resources")),
            ("imgae", Some("image")),
            ("whatever", None),
            ("", None),
        ];
        for (found, want) in cases {
            assert_eq!(nearest(found, keys), want, "case `{found}`");
        }
    }
}
