# SPDX-License-Identifier: MIT
"""What is loaded and what is refused: one driver file per rule of the loader.

    cases.py FOLDER     write all files

registry.py says what belongs to a case.
"""
import os
import sys

import cases_driver                             # noqa: F401
import cases_elf                                # noqa: F401
import cases_good                               # noqa: F401
import cases_tools                              # noqa: F401
from registry import CASES


def build_all():
    """{name: bytes} of all cases."""
    return {c.name: bytes(c.build()) for c in CASES}


if __name__ == '__main__':
    for _case_name, _data in build_all().items():
        with open(os.path.join(sys.argv[1], _case_name + '.ko'), 'wb') as f:
            f.write(_data)
