"""{{docker.image[name][tag]}}: an image's digest, asked of a registry (its HTTP API, version 2)."""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

from pystachio import Ref

DEFAULT_REGISTRY = 'https://registry-1.docker.io'
MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
IMAGES = Ref.from_address('docker.image')
TIMEOUT_SECS = 30


class Unresolved(Exception):
    """No registry says which image is meant."""


def fetch(method, url, headers):
    """Status, headers and body, whatever the status is."""
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECS) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def insist(status, url):
    if status >= 400:
        kind = 'Client' if status < 500 else 'Server'
        reason = urllib.request.http.client.responses.get(status, '')
        raise Unresolved('%s %s Error: %s for url: %s' % (status, kind, reason, url))


def token(challenge):
    """What a Bearer challenge's own server gives to anybody."""
    arguments, realm = {}, None
    for part in challenge.split(' ', 1)[1].split(','):
        name, _, value = part.strip().partition('=')
        if name == 'realm':
            realm = value.strip('"')
        elif name != 'error':
            arguments[name] = value.strip('"')
    if not realm:
        raise Unresolved('Unable to determine auth endpoint. %s' % challenge)
    url = '%s?%s' % (realm, urllib.parse.urlencode(arguments))
    status, _, body = fetch('GET', url, {})
    insist(status, url)
    try:
        return json.loads(body)['token']
    except (ValueError, KeyError, TypeError):
        raise Unresolved('Failed to get auth token. %s' % body.decode('utf-8', 'replace'))


def solved(headers):
    challenge = headers.get('Www-Authenticate')
    if challenge is None:
        raise Unresolved('No auth challenge. Www-Authenticate header not returned. %s'
                         % dict(headers.items()))
    kind = challenge.split(' ')[0]
    if kind == 'Basic':
        raise Unresolved('Basic authorization not supported: %s' % challenge)
    if kind != 'Bearer':
        raise Unresolved('Unknown auth challenge: %s' % challenge)
    return {'Authorization': 'Bearer %s' % token(challenge)}


def head(url, headers):
    status, answered, _ = fetch('HEAD', url, headers)
    if status == 401:
        status, answered, _ = fetch('HEAD', url, dict(headers, **solved(answered)))
    return status, answered


def resolve(registry, name, tag):
    """`name@digest`, behind the registry's host unless that is the default."""
    url = '%s/v2/' % registry
    status, _ = head(url, {})
    if status != 200:
        insist(status, url)
        raise Unresolved('%s is not a registry v2' % registry)
    url = '%s/v2/%s/manifests/%s' % (registry, name, tag)
    status, answered = head(url, {'Accept': MANIFEST})
    if status == 401:
        raise Unresolved('Private Docker repository - %s:%s' % (name, tag))
    if status != 200:
        insist(status, url)
        raise Unresolved('Unable to resolve image %s:%s' % (name, tag))
    image = '%s@%s' % (name, answered.get('Docker-Content-Digest'))
    if registry != DEFAULT_REGISTRY:
        image = '%s/%s' % (urllib.parse.urlparse(registry).netloc, image)
    print(' INFO] Resolved %s:%s => %s' % (name, tag, image), file=sys.stderr)
    return image


def wanted(job):
    """The references to images that are in a job: each with its name and tag."""
    _, unbound = job.interpolate()
    for ref in unbound:
        scoped = IMAGES.scoped_to(ref)
        parts = [] if scoped is None else scoped.components()
        if len(parts) == 2 and all(isinstance(part, Ref.Index) for part in parts):
            yield ref, parts[0].value, parts[1].value


def bind(job, registries):
    """The job with all its images found. `registries` names one for each cluster."""
    registry = (registries.get(str(job.cluster())) or DEFAULT_REGISTRY).rstrip('/')
    known = {}
    while True:
        refs = [found for found in wanted(job) if found[0] not in known]
        if not refs:
            return job
        for ref, name, tag in refs:
            try:
                known[ref] = resolve(registry, name, tag)
            except urllib.error.URLError as error:
                raise Unresolved('%s: %s' % (registry, error.reason))
            job = job.bind({ref: known[ref]})
