# SPDX-License-Identifier: MIT
"""Documentation/drivers.md, followed to the letter in an empty folder with the SDK, and what it
says that banos-check says. tests/system/test_guide.py has the part that needs a machine."""
import re
import shutil

import pytest

from conftest import BUILD, SOURCE
from test_sdk import flags, good, sdk, sh  # noqa: F401, the fixture

DRIVER = '''#include <banos/driver.h>
#include <banos/export.h>
{}
static int64_t acme_init(banos_owner self)
{{
	{}
	return 0;
}}
BANOS_DRIVER(acme_wrong, "1.0", "MIT", "Is wrong", acme_init, NULL);
'''


def page():
    with open(f'{SOURCE}/Documentation/drivers.md', encoding='utf-8') as f:
        return f.read()


def blocks(language):
    return re.findall(rf'^```{language}\n(.*?)^```', page(), re.M | re.S)


@pytest.fixture
def folder(sdk, tmp_path):  # noqa: F811
    """Empty, but for the SDK and the first driver of the page."""
    shutil.copytree(sdk, tmp_path / 'banos-sdk')
    (tmp_path / 'acme_first.c').write_text(blocks('c')[0])
    return tmp_path


def test_its_commands(folder):
    script = ''.join(blocks('sh'))
    assert script.startswith('tar xf banos-sdk-*.tar.gz\n')
    good(['tar', 'czf', 'banos-sdk-1.tar.gz', 'banos-sdk'], folder)
    shutil.rmtree(folder / 'banos-sdk')
    for compiler in ('rustc', 'gnatgcc'):
        if not shutil.which(compiler, path='/usr/bin:/bin'):
            script = '\n'.join(x for x in blocks('sh') if compiler not in x)
    output = good(['sh', '-ec', script], folder)
    checked = re.findall(r'^banos-check (\w+\.ko)$', script, re.M)
    assert len(checked) >= 4
    for name in checked:
        assert f'{name}: ' in output
    assert output.count(' can be installed ') == len(checked)


def test_its_makefile(folder):
    text, = blocks('make')
    (folder / 'Makefile').write_text(text)
    good(['make'], folder)
    assert (folder / 'acme_first.ko').exists()


def test_its_options_of_banos_check(folder):
    usage = good(['banos-sdk/bin/banos-check', '--help'], folder)
    rows = re.findall(r'^\| `(--[\w-]+)[^`]*` \|', page(), re.M)
    told = [x for x in rows if x in usage]
    assert {'--level', '--kernel', '--config', '--with'} <= set(told)


# {what is wrong: (code in front of init(), code in it, flags)}
WRONG_CODE = {
    'thread-local': ('__thread int number;', 'number++;', ''),
    'common': ('int number;', 'number++;', '-fcommon'),
    'model': ('static char text[9];', '__asm__("" : : "r"(text));', '-mcmodel=small'),
    'profiled': ('', '', '-pg -mfentry'),
    'intermediate': ('', '', '-flto'),
    'C library': ('int printf(const char *, ...);', 'printf("x");', ''),
    'arithmetic': ('static volatile unsigned __int128 wide;', 'wide = 100 / wide;', ''),
    'importer': ('int64_t acme_other_f(void);', 'return acme_other_f();', ''),
    'newer': ('int64_t banos_new(void);', 'return banos_new();', ''),
    'exporter': ('int64_t other_f(void) { return 0; }\nBANOS_EXPORT(other_f);', '', ''),
    'header': ('int64_t acme_right_f(int64_t);\nBANOS_IMPORT_AS(acme_right_f, "i");',
               'return acme_right_f(1);', ''),
}
RIGHT = DRIVER.replace('acme_wrong', 'acme_right').format(
    'static uint32_t speed;\nBANOS_PARAM_U32(speed, 0, 9, "how fast");\n'
    'int64_t acme_right_f(int64_t x) { return x; }\nBANOS_EXPORT_AS(acme_right_f, "q");', '')
# What becomes of right.o.
WRONG_FILES = {
    'right.c': '',
    'program': 'ld --unresolved-symbols=ignore-all -e 0 -o program right.o',
    'library.a': 'ar rc library.a right.o',
    'stripped.o': 'strip -o stripped.o right.o',
    'nothing.o': 'objcopy --remove-section .banos-driver right.o nothing.o',
    'two.o': 'objcopy --prefix-symbols=other_ right.o other.o && ld -r -o two.o right.o other.o',
    'right.o speeed=1': '',
}


def refusals(sdk, folder):  # noqa: F811
    """All that banos-check says of wrong files."""
    said = ''

    def refused(arguments):
        nonlocal said
        status, output = sh([str(sdk / 'bin' / 'banos-check'), *arguments.split()], folder)
        assert status == 1, (arguments, output)
        said += output

    def made(name, code, more, package='banos'):
        (folder / name).write_text(code)
        compiler = 'g++' if name.endswith('cc') else 'gcc'
        good([compiler, *flags(sdk, package), *more.split(), '-c', name], folder)

    made('right.c', RIGHT, '')
    for arguments, command in WRONG_FILES.items():
        good(['sh', '-ec', command], folder)
        refused(arguments)
    for before, inside, more in WRONG_CODE.values():
        made('wrong.c', DRIVER.format(before, inside), more)
        refused('--with right.o wrong.o')
    shutil.copy(sdk / 'share' / 'banos' / 'samples' / 'shapes.cc', folder)
    made('shapes.cc', (folder / 'shapes.cc').read_text(), '', 'banos-c++')
    refused('shapes.o')
    return said


def test_what_it_says_of_refusals(folder, sdk):  # noqa: F811
    said = refusals(sdk, folder)
    section = re.search(r'^## Refused\n(.*?)^## ', page(), re.M | re.S)[1]
    rows = re.findall(r'^\| `(.*?)` \|', section, re.M)
    assert len(rows) >= 15
    for row in rows:
        if not row.startswith('init '):         # only an installation finds out
            assert re.search(re.sub('NAME|LETTERS', r'\\S+', re.escape(row)), said), row
