"""A request's part of a chain over HTTP: the payload that comes in, and the functions that it goes on to.

Only requests of a chain load this module. The functions below stand in the order of a walk through the tree, a
function before those that it calls; with a Fan of 1 that is the order of the chain.
"""
import hashlib
import http.client
import json
import threading
import time
from urllib.parse import urlencode, urlsplit

import main

PAYLOAD_STATUS = 422  # the payload did not arrive as its producer made it (RFC 9110)
MAX_CHAIN = 1000
MAX_REPLY = 4 << 20  # bytes
KEEP_MOST = 16 << 20  # a larger payload out of a store is read from there once more while it is put again
PART = 256 << 10
MARGIN = 0.1  # seconds before the deadline, to answer that a function below did not
IDLE = 50.0  # gateways drop idle connections after about 55 s, some without a word

_kept = {}  # connections to functions below and to the store, by scheme and address
_lock = threading.Lock()


class Broken(Exception):
    """A payload that did not arrive whole."""


def _bare(at):
    """A URL without its query: that of a presigned one is a secret."""
    return at.partition("?")[0]


def read(params, body):
    """Read what a request says of its chain; None: it has none."""
    chain = params.get("Chain")
    receives = "PayloadSHA256" in params
    if chain in (None, "", "null"):
        chain = []
    elif isinstance(chain, str):
        try:
            chain = json.loads(chain)
        except ValueError:
            chain = None
    if not isinstance(chain, list):
        raise main.Refused(400, "Chain is not a JSON array of URLs: %s" % main._shorten(str(params["Chain"])))
    if not chain and not receives:
        return None
    if len(chain) > MAX_CHAIN:
        raise main.Refused(400, "Chain names %d functions, at most %d are allowed" % (len(chain), MAX_CHAIN))
    for at in chain:
        parts = urlsplit(at) if isinstance(at, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise main.Refused(400, "Chain: %s is not the URL of a function" % json.dumps(main._shorten(str(at))))
    fan = main._count(params, "Fan") or 1
    if len(chain) % fan:
        raise main.Refused(
            400, "Chain names %d functions, they cannot be divided among a Fan of %d" % (len(chain), fan))
    get, objects = None, None
    if params.get("StorageTransfer") in ("true", True):
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            raise main.Refused(400, "StorageTransfer: the body is not a JSON object with Objects") from None
        get, objects = asked.get("Get"), asked.get("Objects") or []
        if len(objects) != len(chain) or receives and not get:
            raise main.Refused(
                400, "StorageTransfer: the body names %d objects for %d functions" % (len(objects), len(chain)))
    sha = str(params["PayloadSHA256"]).lower() if receives else None
    return Transfer(params, chain, fan, sha, get, objects)


class Payload:
    """What a function passes on: its bytes, or where they come from while they are sent."""

    def __init__(self, size):
        self.size = size
        self.sha = ""
        self.at = 0
        self.data = None
        self.get = None  # where it can be read again; None: it can be made again
        self.first_ns = self.get_ns = 0


class Transfer:
    """A request's part of a chain."""

    def __init__(self, params, chain, fan, sha, get, objects):
        self.params, self.chain, self.fan, self.sha = params, chain, fan, sha
        self.get, self.objects = get, objects

    def run(self, answer, token, body, received, left_ns, size):
        """Take the payload in, or make it, pass it on to the functions below, all at once, and complete the answer."""
        end = time.monotonic() + left_ns / 1e9 - MARGIN
        payload = self._take(body, received, size, end)
        answer["TimestampChain"] = [str(payload.at)]
        answer["PayloadBytes"], answer["PayloadSHA256"] = payload.size, payload.sha
        answer["PayloadAt"] = str(payload.at)
        if payload.get_ns:
            answer["FirstNs"], answer["GetNs"] = payload.first_ns, payload.get_ns
        ways = []
        for way, below in self._pass_to_all(payload, token, end):
            answer["TimestampChain"] += below["TimestampChain"]
            ways += [way] + (below.get("Hops") or [])
        if ways:
            answer["Hops"] = ways
        answer["RepliedAt"] = str(time.time_ns())

    def _pass_to_all(self, payload, token, end):
        size = len(self.chain) // self.fan  # of each part, whose first function is called
        if not size:
            return []
        parts = [slice(i * size, (i + 1) * size) for i in range(self.fan)]
        results = [None] * self.fan

        def one(i):
            try:
                objects = self.objects[parts[i]] if self.objects is not None else None
                results[i] = self._pass(self.chain[parts[i]], objects, payload, token, end)
            except Exception as e:  # it is raised in the thread that waits
                results[i] = e

        threads = [threading.Thread(target=one, args=(i,)) for i in range(1, self.fan)]
        for t in threads:
            t.start()
        one(0)
        for t in threads:
            t.join()
        for r in results:
            if isinstance(r, Exception):
                raise r
        return results

    def _pass(self, chain, objects, payload, token, end):
        """Hand the payload to the first function of a part of the tree; give its way and the function's answer."""
        sent = time.time_ns()
        way = {"SentAt": str(sent)}
        kind, body = "application/octet-stream", payload.data  # which gateways pass on as it is
        if objects is not None:
            try:
                _put(payload, objects[0], end)
            except (OSError, http.client.HTTPException, Broken) as e:
                _late(end, chain[0])
                raise main.Refused(PAYLOAD_STATUS, "put the payload into the store: %s" % e) from None
            way["PutNs"] = time.time_ns() - sent
            kind = "application/json"
            body = json.dumps({"Get": objects[0]["Get"], "Objects": objects[1:]}).encode()
            way["CalledAt"] = str(time.time_ns())
        query = {"PayloadSHA256": payload.sha, "PayloadLengthBytes": payload.size}
        if "IncrementLimit" in self.params:
            query["IncrementLimit"] = self.params["IncrementLimit"]
        if chain[1:]:
            query["Chain"] = json.dumps(chain[1:], separators=(",", ":"))
        if self.fan > 1:
            query["Fan"] = self.fan
        if objects is not None:
            query["StorageTransfer"] = "true"
        headers = {"Content-Type": kind, "User-Agent": "stellar-measure", "Content-Length": str(len(body))}
        if token:
            headers["X-Stellar-Token"] = token
        at = chain[0] + ("&" if "?" in chain[0] else "?") + urlencode(query)
        try:
            status, text = _exchange("POST", at, body, headers, end, lambda r: r.read(MAX_REPLY))
        except (OSError, http.client.HTTPException) as e:
            _late(end, chain[0])
            raise _failed(chain[0], 502, "%s: %s" % (type(e).__name__, e)) from None
        way["AnsweredAt"] = str(time.time_ns())
        try:
            below = json.loads(text)
        except ValueError:
            below = None
        if status != 200 or not isinstance(below, dict):
            said = below.get("error") if isinstance(below, dict) else None
            reason = said or "it answered status %d: %s" % (status, main._shorten(text.decode("utf-8", "replace")))
            raise _failed(chain[0], status if status in (PAYLOAD_STATUS, 429, 504) else 502, reason)
        if below.get("PayloadSHA256") != payload.sha or below.get("PayloadBytes") != payload.size:
            raise main.Refused(
                PAYLOAD_STATUS,
                "the function at %s had a payload of %s bytes with the SHA-256 %s; %d bytes with %s were sent"
                % (_bare(chain[0]), below.get("PayloadBytes"), main._shorten(str(below.get("PayloadSHA256"))),
                   payload.size, payload.sha))
        way["ReceivedAt"] = below["ReceivedAt"] if objects is None else below["PayloadAt"]
        if objects is not None:
            way["ArrivedAt"] = below["ReceivedAt"]
            way["FirstNs"], way["GetNs"] = below.get("FirstNs", 0), below.get("GetNs", 0)
        way["RepliedAt"] = below["RepliedAt"]
        way["Bytes"], way["SHA256"] = payload.size, payload.sha
        way["Instance"], way["Cold"] = below["Instance"]["ID"], below["Instance"]["Cold"]
        return way, below

    def _take(self, body, received, size, end):
        p = Payload(size)
        if self.sha is None:
            if self.objects is None:
                p.data = main.make_payload(size)
                p.sha = hashlib.sha256(p.data).hexdigest()
            else:
                digest = hashlib.sha256()
                for part in main.payload_parts(size):
                    digest.update(part)
                p.sha = digest.hexdigest()
            p.at = time.time_ns()
            return p
        if self.get is not None:
            self._fetch(p, end)
        else:
            p.data, p.at, p.size = body, received, len(body)
            p.sha = hashlib.sha256(body).hexdigest()
        if p.size != size or p.sha != self.sha:
            raise main.Refused(
                PAYLOAD_STATUS, "the payload has %d bytes with the SHA-256 %s; its producer sent %d with %s"
                % (p.size, p.sha, size, main._shorten(self.sha)))
        return p

    def _fetch(self, p, end):
        """Read the whole object in which the payload is."""
        digest, kept = hashlib.sha256(), bytearray() if self.chain and p.size <= KEEP_MOST else None
        begun = time.time_ns()
        p.get, p.size = self.get, 0

        def take(response):
            while True:
                part = response.read(1 if p.size == 0 else PART)
                if p.size == 0:
                    p.first_ns = time.time_ns() - begun
                if not part:
                    if response.length:
                        raise Broken("the object broke off after %d bytes" % p.size)
                    return b""
                p.size += len(part)
                digest.update(part)
                if kept is not None:
                    kept.extend(part)

        try:
            _store("GET", self.get, None, {}, end, take)
        except (OSError, http.client.HTTPException, Broken) as e:
            _late(end, self.get)
            raise main.Refused(PAYLOAD_STATUS, "get the payload from the store: %s" % e) from None
        p.at = time.time_ns()
        p.get_ns, p.sha, p.data = p.at - begun, digest.hexdigest(), kept


def _late(end, at):
    if time.monotonic() >= end:
        raise _failed(at, 504, "no answer in time")


def _failed(at, status, reason):
    return main.Refused(status, "function of the chain at %s: %s" % (_bare(at), reason))


def _put(payload, to, end):
    """Write the payload into the store."""
    headers = dict(to.get("Header") or {})
    headers["Content-Length"] = str(payload.size)

    def write(body):
        _store("PUT", to["Put"], body, headers, end, lambda r: r.read(MAX_REPLY))

    if payload.data is not None or not payload.size:
        write(payload.data or b"")
    elif payload.get is None:
        write(main.payload_parts(payload.size))
    else:
        _store("GET", payload.get, None, {}, end, lambda r: write(iter(lambda: r.read(PART), b"")))


def _store(method, at, body, headers, end, take):
    def success(response):
        if response.status // 100 != 2:
            raise Broken("the store answered %d %s: %s"
                         % (response.status, response.reason, response.read(200).decode("utf-8", "replace")))
        return take(response)

    return _exchange(method, at, body, headers, end, success)


def _exchange(method, at, body, headers, end, take):
    """Send a request and give the response's status and what take makes of it.

    A kept connection that turns out to be closed before an answer is replaced once, where the body can be sent again.
    """
    parts = urlsplit(at)
    key = (parts.scheme, parts.netloc)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    again = body is None or isinstance(body, (bytes, bytearray))
    while True:
        connection, reused = _connection(key, parts, end) if again else (_new(parts, end), False)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            connection.close()
            if reused:
                continue
            raise
        except BaseException:
            connection.close()
            raise
        try:
            out = take(response)
        except BaseException:
            connection.close()
            raise
        if response.isclosed():
            with _lock:
                _kept.setdefault(key, []).append((connection, time.monotonic()))
        else:
            connection.close()
        return response.status, out


def _new(parts, end):
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=max(end - time.monotonic(), 0.001))


def _connection(key, parts, end):
    while True:
        with _lock:
            connection, since = _kept[key].pop() if _kept.get(key) else (None, 0)
        if connection is None or connection.sock is None:
            return _new(parts, end), False
        if time.monotonic() - since < IDLE:
            connection.sock.settimeout(max(end - time.monotonic(), 0.001))
            return connection, True
        connection.close()
