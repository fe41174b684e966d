"""`learnt`, as a process: python -m tests.hostile.terminal VERB …"""

import sys

from learnt.cli.main import main

sys.exit(main(sys.argv[1:]))
