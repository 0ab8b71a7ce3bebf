"""The sustained load of the probe's bench, against nginx, and the targets of all sections."""


def run(b, table, args):
    pass


def targets(table, sizes):
    pass
