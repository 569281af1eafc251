"""`python -m zkvm`: the command line, in this process."""

import os
import signal
import sys

from . import _native


def main() -> None:
    # As in a program of its own: Python sets these otherwise.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os._exit(_native.command([b"zkvm", *map(os.fsencode, sys.argv[1:])]))  # it has flushed what it wrote


if __name__ == "__main__":
    main()
