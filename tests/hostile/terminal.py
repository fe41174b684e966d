"""`learnt`, as a process: python -m tests.hostile.terminal VERB …"""

import sys

from learnt.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
