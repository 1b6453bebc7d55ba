"""Makes the programs of this folder, on the original libmesos.

usage: build.py FOLDER       makes FOLDER/framework and FOLDER/original; a second time, nothing

The library is the native part of PyPI's `mesos.scheduler`, an egg of Apache Mesos' own for a Python that is no more. It
is fetched from the index that pip asks, and must have the hash below. It was linked with OpenSSL 1.0 and with a libcurl
of that time, which no distribution has: neither is used without TLS and without fetching, so both are replaced by
libraries in which every function gives 0.
"""

import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile

EGG = "mesos.scheduler-1.11.0-py2.7-linux-x86_64.egg"
SHA256 = "4940ebb70894ee004cf8a12b7b66b52a351be1070ec2a4e6f7dae4ec04f8cb61"
MEMBER = "mesos/scheduler/_scheduler.so"
REPLACED = ("libcrypto.so.1.0.0", "libcurl.so.4", "libssl.so.1.0.0")
PROGRAMS = ("framework", "original")
HERE = pathlib.Path(__file__).parent


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def fetch():
    """The egg, from the index of pip's settings."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = f"{index}/mesos-scheduler/"
    try:
        with urllib.request.urlopen(page, timeout=60) as answer:
            links = re.findall(r'href="([^"#]+)', answer.read().decode())
        found = [link for link in links if link.endswith("/" + EGG)]
        if not found:
            sys.exit(f"error: {page} does not list {EGG}")
        with urllib.request.urlopen(urllib.request.urljoin(page, found[0]), timeout=300) as answer:
            egg = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        sys.exit(f"error: cannot fetch {EGG}, which the tests of the scheduler driver need, from {page}: {error}")
    if hashlib.sha256(egg).hexdigest() != SHA256:
        sys.exit(f"error: {found[0]} is not the file that was expected: its sha256 is not {SHA256}")
    return zipfile.ZipFile(io.BytesIO(egg)).read(MEMBER)


def unresolved(library):
    """The names that the library leaves to others: {version or nothing: [name]}."""
    names = {}
    for line in run("nm", "-D", "--undefined-only", "--with-symbol-versions", library).splitlines():
        name, _, version = line.split()[-1].partition("@")
        names.setdefault(version, []).append(name)
    return names


def versions(library):
    """Which versions of names the library asks of which file: {file: [version]}."""
    found, file = {}, None
    for line in run("readelf", "--wide", "--version-info", library).splitlines():
        if match := re.search(r"File: (\S+)", line):
            file = match[1]
        elif file and (match := re.search(r"Name: (\S+)", line)):
            found.setdefault(file, []).append(match[1])
    return found


def replace(folder, library):
    """Makes the replacements, and one for the names of Python, which nothing here calls."""
    names = unresolved(library)
    for file, wanted in versions(library).items():
        if file in REPLACED:
            code = "".join(f"long {name}() {{ return 0; }}\n" for version in wanted for name in names[version])
            script = "".join(f"{version} {{ global: {'; '.join(names[version])}; }};\n" for version in wanted)
            (folder / "names.c").write_text(code)
            (folder / "names.map").write_text(script)
            run("gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{file}", f"-Wl,--version-script={folder / 'names.map'}",
                "-o", folder / file, folder / "names.c")
    python = [name for name in names.get("", []) if re.match("_?Py", name)]
    (folder / "names.c").write_text("".join(f"char {name}[256];\n" for name in python))
    run("gcc", "-shared", "-fPIC", "-o", folder / "libnopython.so", folder / "names.c")


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    sources = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(HERE.glob("*.*")))).hexdigest()
    stamp = folder / "made"
    if stamp.exists() and stamp.read_text() == sources:
        return
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libmesos.so"
    if not library.exists():
        part = folder / "libmesos.part"
        part.write_bytes(fetch())
        part.rename(library)
    replace(folder, library)
    for program in PROGRAMS:
        run("g++", "-std=c++14", "-Wall", "-O0", "-o", folder / program, HERE / f"{program}.cpp", "-pthread",
            f"-L{folder}", "-Wl,--no-as-needed", "-l:libnopython.so", "-l:libmesos.so",
            "-Wl,--allow-shlib-undefined", "-Wl,--disable-new-dtags", f"-Wl,-rpath,{folder}")
    stamp.write_text(sources)


if __name__ == "__main__":
    main()
