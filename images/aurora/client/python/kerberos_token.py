"""Prints, in base64, a token that proves to a server who the user is: for the service HTTP of a host, made of the
tickets in the user's credential cache. What is wrong goes to stderr, with exit code 1.

It is Kerberos' own token and not one of SPNEGO, like that of the original's client: servers take both, and the library
says better what is missing. The library is the system's; of Python only what comes with it is needed.
"""
import base64
import ctypes
import sys

# MIT's, as Debian and Fedora name it, and Heimdal's.
LIBRARIES = 'libgssapi_krb5.so.2', 'libgssapi.so.3'
# 1.2.840.113554.1.2.1.4 (RFC 2744) and 1.2.840.113554.1.2.2 (RFC 4121).
NAME_OF_SERVICE = b'\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04'
KERBEROS = b'\x2a\x86\x48\x86\xf7\x12\x01\x02\x02'
STATUS_OF_LIBRARY, STATUS_OF_MECHANISM = 1, 2
ERRORS = 0xffff0000


class Buffer(ctypes.Structure):
    _fields_ = [('length', ctypes.c_size_t), ('value', ctypes.c_void_p)]

    def bytes(self):
        return ctypes.string_at(self.value, self.length) if self.length else b''


class Oid(ctypes.Structure):
    _fields_ = [('length', ctypes.c_uint32), ('elements', ctypes.c_char_p)]


def load():
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        number, flags = ctypes.POINTER(ctypes.c_uint32), ctypes.c_uint32
        handle, buffer, oid = ctypes.c_void_p, ctypes.POINTER(Buffer), ctypes.POINTER(Oid)
        where = ctypes.POINTER(handle)
        library.gss_import_name.argtypes = [number, buffer, oid, where]
        library.gss_init_sec_context.argtypes = [
            number, handle, where, handle, oid, flags, flags, handle, buffer, where, buffer, number, number]
        library.gss_display_status.argtypes = [number, flags, ctypes.c_int, oid, number, buffer]
        for function in library.gss_import_name, library.gss_init_sec_context, library.gss_display_status:
            function.restype = ctypes.c_uint32
        return library
    sys.exit('none of the Kerberos libraries %s is installed' % ', '.join(LIBRARIES))


def texts(library, code, kind, mechanism):
    """All that the library says of a code."""
    minor, more, text = ctypes.c_uint32(), ctypes.c_uint32(), Buffer()
    while True:
        failed = library.gss_display_status(minor, code, kind, mechanism, more, text)
        if failed & ERRORS:
            return
        yield text.bytes().decode(errors='replace')
        if not more.value:
            return


def check(library, major, minor, mechanism):
    if major & ERRORS:
        said = list(texts(library, minor, STATUS_OF_MECHANISM, mechanism))
        said = said or list(texts(library, major, STATUS_OF_LIBRARY, mechanism))
        sys.exit('. '.join(said) or 'GSS-API error %#x' % major)


def token(host):
    library = load()
    mechanism = Oid(len(KERBEROS), KERBEROS)
    kind = Oid(len(NAME_OF_SERVICE), NAME_OF_SERVICE)
    service = b'HTTP@' + host.encode()
    text = Buffer(len(service), ctypes.cast(ctypes.c_char_p(service), ctypes.c_void_p))
    minor, name, context = ctypes.c_uint32(), ctypes.c_void_p(), ctypes.c_void_p()
    major = library.gss_import_name(minor, text, kind, name)
    check(library, major, minor.value, mechanism)
    made = Buffer()
    major = library.gss_init_sec_context(
        minor, None, context, name, mechanism, 0, 0, None, None, None, made, None, None)
    check(library, major, minor.value, mechanism)
    return made.bytes()


print(base64.b64encode(token(sys.argv[1])).decode())
