"""`python -m zkvm`: the command line, in this process."""

import os
import signal
import sys

from . import _native


def main() -> None:
    # As in a program of its own: Python sets these otherwise.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os._exit(_native.command(["zkvm", *sys.argv[1:]]))  # it has flushed what it wrote


if __name__ == "__main__":
    main()
