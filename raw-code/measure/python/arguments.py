"""How micro-tests read their arguments."""
import json


class Wrong(Exception):
    """Micro-tests that cannot be run as they are asked for; the request is answered with status 400."""


def shorten(text):
    return text if len(text) <= 40 else text[:40] + "..."


def whole(argument, name, least, most, default):
    """Read a whole number of an argument."""
    value = argument.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Wrong("%s is %s, it must be %d to %d" % (name, shorten(json.dumps(value)), least, most))
    return value


def read_argument(argument, known):
    """Check that an argument is an object of known keys."""
    if not isinstance(argument, dict) or not set(argument) <= set(known):
        raise Wrong("the argument is %s; want an object with %s" % (
            shorten(json.dumps(argument)), ", ".join('"%s"' % k for k in known)))
    return argument
