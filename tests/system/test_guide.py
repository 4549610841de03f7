# SPDX-License-Identifier: MIT
"""Documentation/drivers.md: its drivers are compiled and run, what it shows is what happens,
and the kernel says what the page says that it says. tests/drivers/test_guide_sdk.py has the part
that needs no machine."""
import os
import re
import shutil
import subprocess

import pytest

from archive import file
from conftest import debug_program
from driver_source import FLAGS, SOURCE, compiled

pytestmark = pytest.mark.banos
DRIVERS = os.path.join(SOURCE, 'tests', 'system', 'drivers')


def page():
    with open(f'{SOURCE}/Documentation/drivers.md', encoding='utf-8') as f:
        return f.read()


def code_blocks():
    """Each block in C: (its name or '', the code). A file that another block includes is named before it."""
    return [(name or ''.join(re.findall(r'^BANOS_DRIVER\((\w+),', code, re.M)), code)
            for name, code in re.findall(r'(?:`(\w+\.h)`:\n\n)?^```c\n(.*?)^```', page(),
                                         re.M | re.S)]


def built(folder):
    """{name of the driver: its bytes}, in the order of the page; the rest has to compile."""
    made = {}
    for name, code in code_blocks():
        if name.endswith('.h'):
            (folder / name).write_text(code)
        image = compiled(code, folder)
        if name and not name.endswith('.h'):
            made[name] = image
    return made


def transcripts():
    """[(command, what it prints)] of the blocks that show a shell."""
    text = ''.join(re.findall(r'^```console\n(.*?)^```', page(), re.M | re.S))
    return re.findall(r'^# (.*)\n((?:(?!# ).*\n)*)', text, re.M)


def test_its_drivers_are_installed_and_removed(start, tmp_path):
    drivers = built(tmp_path)
    assert len(drivers) >= 7
    m = start(files={f'root/{name}.ko': file('', image) for name, image in drivers.items()},
              append='quiet').boot()
    m.check('cd; dmesg -c >/dev/null')
    for name in drivers:
        m.check(f'insmod {name}.ko')
    for name in reversed(drivers):
        m.check(f'rmmod {name}')
    assert not re.search('leaked|banos:', m.check('dmesg -c'))


def test_what_it_shows_of_a_shell(start, tmp_path):
    m = start(files={f'root/{name}.ko': file('', image)
                     for name, image in built(tmp_path).items()}, append='quiet').boot()
    m.check('cd')
    shown = transcripts()
    assert len(shown) >= 5
    for command, output in shown:
        assert m.check(command) == output, command


def said_of(column):
    """The sentences of the table below a title, as patterns: words in capitals stand for others."""
    section = re.search(rf'^## {column}\n(.*?)^## ', page(), re.M | re.S)[1]
    rows = re.findall(r'^\| `(.*?)` \|', section, re.M)
    assert len(rows) >= 15
    return {x: re.sub(r'NAME|LETTERS|NUMBER', r'\\S+', re.escape(x)) for x in rows}


def test_what_is_logged(start):
    files = {}
    for name in ('mistaken', 'untidy', 'keeper', 'borrower'):
        with open(os.path.join(DRIVERS, name + '.c'), encoding='utf-8') as f:
            files[name + '.ko'] = file('', compiled(f.read()))
    m = start(files=files | {'bin/clutch': debug_program('clutch')}, append='quiet').boot()
    m.check('insmod /mistaken.ko; rmmod mistaken')
    for what in ('spin', 'own'):
        m.check(f'insmod /untidy.ko what={what}; clutch read /dev/untidy; rmmod untidy')
    m.check('insmod /borrower.ko; insmod /keeper.ko; clutch call /dev/keeper; rmmod keeper')
    for result in (5, -19):
        m.run(f'insmod /mistaken.ko result={result}')
    log = m.check('dmesg')
    # What takes ten seconds, or a bus, has a test of its own.
    for other in ('test_mistakes.py', 'test_matching.py'):
        with open(os.path.join(SOURCE, 'tests', 'system', other), encoding='utf-8') as f:
            log += f.read()
    ends = {k: v for k, v in said_of('Refused').items() if k.startswith('init ')}
    assert len(ends) == 2
    for sentence, pattern in (said_of('Logged') | ends).items():
        assert re.search(pattern, log), sentence


def test_the_driver_for_a_pci_device(start):
    """The blocks of the other page, one behind the other, drive QEMU's device."""
    with open(f'{SOURCE}/Documentation/pci-driver.md', encoding='utf-8') as f:
        code = '\n'.join(re.findall(r'^```c\n(.*?)^```', f.read(), re.M | re.S))
    m = start(files={'acme_edu.ko': file('', compiled(code))}, append='quiet',
              qemu=['-device', 'edu']).boot()
    m.stop_agent()
    m.check('rmmod edu; insmod /acme_edu.ko')
    assert m.check('head -n 1 /dev/acme-edu') == '120\n'
    m.check('rmmod acme_edu')
    assert 'leaked' not in m.check('dmesg')


RUST = ('/usr/bin/rustc --emit=obj -C panic=abort -C code-model=kernel -C relocation-model=static '
        '-C no-redzone -C force-frame-pointers -C opt-level=2 '
        '-C target-feature=-mmx,-sse,-sse2,+soft-float {}/rust.rs -o rust.ko')
ADA = 'gnatgcc {} -gnatp -c {}/ada_driver.adb && mv ada_driver.o ada_driver.ko'
ASSEMBLY = 'gcc -c {}/assembly.S -o assembly.ko'


def test_drivers_in_other_languages_run(start, tmp_path):
    kit = os.path.join(SOURCE, 'scripts', 'sdk')
    plain = ' '.join(x for x in FLAGS if not x.startswith(('-D', '-W', '-ffree')))
    commands = {'gcc': ASSEMBLY.format(kit), '/usr/bin/rustc': RUST.format(f'{kit}/languages'),
                'gnatgcc': ADA.format(plain, f'{kit}/languages')}
    for compiler, command in commands.items():
        if shutil.which(compiler):
            subprocess.run(['sh', '-ec', command], cwd=tmp_path, check=True)
    drivers = {x.stem: x.read_bytes() for x in tmp_path.glob('*.ko')}
    m = start(files={f'{x}.ko': file('', drivers[x]) for x in drivers}, append='quiet').boot()
    for name in drivers:
        m.check(f'insmod /{name}.ko; rmmod {name}')
    log = m.check('dmesg')
    assert 'leaked' not in log
    for name, words in {'assembly': 'Hello from assembly',
                        'rust': 'Hello from Rust: the squares below 10 are 285 in all',
                        'ada_driver': 'Hello from Ada: 89 and 144'}.items():
        assert name not in drivers or words in log, log
