//! `/logging/toggle`: the log level over HTTP, the same in every libprocess program (http-endpoints
//! §5).

use hyper::StatusCode;

use crate::duration;
use crate::http::{Request, Response};
use crate::log;

/// Shows the verbosity, or changes it for a time.
pub fn answer(request: &Request) -> Response {
    let query = &request.query;
    let bad = |text: String| Response::text(StatusCode::BAD_REQUEST, text);
    let (level, time) = match (query.get("level"), query.get("duration")) {
        (None, None) => {
            return Response::text(StatusCode::OK, format!("{}\n", log::verbosity()));
        }
        (Some(_), None) => return bad("Expecting 'duration=value' in query.\n".into()),
        (None, Some(_)) => return bad("Expecting 'level=value' in query.\n".into()),
        (Some(level), Some(time)) => (level, time),
    };
    let number = match level.parse::<i32>() {
        Ok(number) => number,
        Err(_) => return bad(format!("Failed to convert '{level}' to number.\n")),
    };
    let Ok(verbosity) = u32::try_from(number) else {
        return bad(format!("Invalid level '{number}'.\n"));
    };
    match duration::parse(time) {
        Ok(time) => {
            log::set_verbosity(verbosity, time);
            Response::status(StatusCode::OK)
        }
        Err(error) => bad(format!("{error}.\n")),
    }
}
