# SPDX-License-Identifier: MIT
"""Drafts of headers: a driver that uses one works on the kernels that have the same one."""
import os
import re
import shutil
import subprocess
import sys

import pytest
import run
from test_conformance import BUILD, COMPILERS, HERE, SOURCE, drive  # noqa: F401
from test_future import future  # noqa: F401
from test_swap import archive, boot

DRAFTS = f'{HERE}/drafts'
GENERATE = [sys.executable, f'{SOURCE}/scripts/gen-drafts.py']
ANOTHER = r'built against another draft of <banos/lamp\.h> \([0-9a-f]{16}; this kernel.s is [0-9a-f]{16}\)'


def folders(lamp):
    return [f'{SOURCE}/include', f'{DRAFTS}/both', f'{DRAFTS}/{lamp}']


def user(folder, lamp, *flags, compiler='gcc -O2'):
    """The driver, built with the drafts of one set; as a file."""
    out = folder / lamp
    subprocess.run([*GENERATE, out, *folders(lamp)], check=True)
    path = folder / f'draft_user{len(list(folder.iterdir()))}.ko'
    subprocess.run([*COMPILERS[compiler], '-DBANOS_CFLAGS=1', '-DBANOS_DRAFT', *flags,
                    f'-I{SOURCE}/include', f'-I{out}/drafts',
                    *[f'-I{each}' for each in folders(lamp)], '-c', f'{DRAFTS}/user.c',
                    '-o', path], check=True)
    return path


def verdict(kernel, path):
    done = subprocess.run([f'{BUILD}/tests/banos-check', '--errno', '--kernel', kernel, path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.stdout


def fingerprints(folder, *headers):
    """NAME: fingerprint of headers, given as (name, text)."""
    (folder / 'headers/banos').mkdir(parents=True, exist_ok=True)
    for name, text in headers:
        (folder / f'headers/banos/{name}.h').write_text(text)
    subprocess.run([*GENERATE, folder, folder / 'headers'], check=True)
    made = (folder / 'generated/drafts.h').read_text()
    return dict(re.findall(r'x\("(\w+)", "([0-9a-f]{16})"\)', made))


@pytest.mark.parametrize('compiler', ['gcc -O2', 'clang++ -Os', 'tcc'])
def test_the_same_draft_works(tmp_path, drive, future, compiler):  # noqa: F811
    if not shutil.which(COMPILERS[compiler][0]):
        pytest.skip(f'{compiler} is not installed')
    path = user(tmp_path, 'one', '-DLAMP=1', compiler=compiler)
    passed, output = run.run(f'{future}/banos.elf', drive, [('draft_user.ko', path.read_bytes())])
    assert passed, output[-4000:]


def test_another_draft_is_refused_and_an_unchanged_one_works(tmp_path, drive, future):  # noqa: F811
    lamp = user(tmp_path, 'two', '-DLAMP=2')
    horn = user(tmp_path, 'two')
    passed, output = run.run(f'{future}/banos.elf', drive, [('draft_user.ko', lamp.read_bytes())])
    assert not passed
    assert re.search(ANOTHER, output), output[-4000:]
    passed, output = run.run(f'{future}/banos.elf', drive, [('draft_user.ko', horn.read_bytes())])
    assert passed, output[-4000:]
    assert verdict(f'{future}/banos.elf', horn).startswith('0\n')
    assert re.search(ANOTHER, verdict(f'{future}/banos.elf', lamp))
    assert verdict(f'{future}/banos.elf', lamp).startswith('95\n')


def test_a_kernel_without_the_draft_refuses(tmp_path):
    said = verdict(f'{BUILD}/banos.elf', user(tmp_path, 'one', '-DLAMP=1'))
    assert said.startswith('95\n')
    for name in ('horn', 'lamp'):
        assert f'built against a draft of <banos/{name}.h>, which this kernel does not have' in said


def test_without_the_option_the_names_are_hidden(tmp_path):
    out = tmp_path / 'one'
    subprocess.run([*GENERATE, out, *folders('one')], check=True)
    done = subprocess.run([*COMPILERS['gcc -O2'], '-DBANOS_CFLAGS=1', f'-I{SOURCE}/include',
                           f'-I{out}/drafts', *[f'-I{each}' for each in folders('one')], '-c',
                           f'{DRAFTS}/user.c', '-o', tmp_path / 'x.o'], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode and 'banos_horn_sound' in done.stdout


SETS = '/lib/banos/drivers/draft'
# Both sets are there, each with the lists of all drivers, which depmod would make.
SCRIPT = f'''#!/bin/sh
cd {SETS}/..
for set in draft/*; do
	sed 's|[^ :]*[.]ko|../../&|g' modules.dep >/tmp/dep
	{{ cat /tmp/dep; echo draft_user.ko: ; }} >$set/modules.dep
	cp modules.alias $set
done
/etc/init.d/drivers
readlink -f "/lib/modules/$(uname -r)" | sed 's/^/drafts: link /'
for tool in modprobe "busybox modprobe"; do
	for name in sum draft_user; do
		$tool $name && echo "drafts: $tool $name" && $tool -r $name
	done
done
poweroff -f
'''


def name_of_set(folder):
    return re.search(r'DRAFT_SET "([^"]*)"', (folder / 'generated/drafts.h').read_text())[1]


@pytest.mark.parametrize('kernel', ['future', 'today'])
def test_modprobe_takes_the_set_of_the_kernel(tmp_path, future, kernel):  # noqa: F811
    files = {'swap': archive.file('', SCRIPT, 0o755),
             'etc/inittab': '::sysinit:/etc/init.d/rcS\n::once:/swap\n'}
    for number, lamp in ((1, 'one'), (2, 'two')):
        path = user(tmp_path, lamp, f'-DLAMP={number}')
        files[f'{SETS[1:]}/{name_of_set(tmp_path / lamp)}/draft_user.ko'] = path.read_bytes()
    with open(f'{BUILD}/initramfs.cpio', 'rb') as f:
        (tmp_path / 'initrd').write_bytes(f.read() + archive.cpio(archive.tree(files)))
    image = {'future': f'{future}/banos.elf', 'today': f'{BUILD}/banos.elf'}[kernel]
    output = boot(image, tmp_path / 'initrd')
    found = re.findall(r'drafts: (.*)', output)
    if kernel == 'future':
        assert found == [f'link {SETS}/{name_of_set(tmp_path / "one")}', 'modprobe sum',
                         'modprobe draft_user', 'busybox modprobe sum',
                         'busybox modprobe draft_user'], output[-4000:]
    else:
        assert found == ['link /lib/banos/drivers', 'modprobe sum',
                         'busybox modprobe sum'], output[-4000:]


LAMP = '''/* A lamp. */
#include <banos/draft.h>
#include <banos/base1.h>
BANOS_DRAFT_HEADER(lamp);
#define LAMP_MAX 4
struct lamp { unsigned size; };
'''
BASE1 = '/* Of lamps. */\nBANOS_DRAFT_HEADER(base1);\ntypedef int lamp_number;\n'
CHANGES = {
    'a value': ('LAMP_MAX 4', 'LAMP_MAX 5'),
    'a type': ('unsigned size', 'unsigned long size'),
    'a macro gets an argument': ('LAMP_MAX 4', 'LAMP_MAX(x) 4'),
    'a macro gets parentheses': ('LAMP_MAX 4', 'LAMP_MAX (x) 4'),
    'a field': ('unsigned size;', 'unsigned size; int x;'),
    'an operator': ('LAMP_MAX 4', 'LAMP_MAX 4 - -1'),
    'another operator': ('LAMP_MAX 4', 'LAMP_MAX 4 --1'),
}
SAME = {
    'a comment': ('A lamp', 'The lamp'),
    'white space': ('struct lamp {', 'struct  lamp\n\t{'),
    'a new comment': ('struct lamp', '// it\'s a "lamp\nstruct lamp'),
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_fingerprint_tells_changes(tmp_path, change):
    before = fingerprints(tmp_path, ('lamp', LAMP), ('base1', BASE1))
    after = fingerprints(tmp_path, ('lamp', LAMP.replace(*CHANGES[change])), ('base1', BASE1))
    assert len(before) == 2
    assert before['lamp'] != after['lamp'] and before['base1'] == after['base1']


def test_changes_differ(tmp_path):
    made = [fingerprints(tmp_path, ('lamp', LAMP.replace(*each)), ('base1', BASE1))['lamp']
            for each in CHANGES.values()]
    assert len(set(made)) == len(CHANGES)


@pytest.mark.parametrize('change', SAME)
def test_a_fingerprint_ignores_what_does_not_matter(tmp_path, change):
    before = fingerprints(tmp_path, ('lamp', LAMP), ('base1', BASE1))
    after = fingerprints(tmp_path, ('lamp', LAMP.replace(*SAME[change])), ('base1', BASE1))
    assert before == after and LAMP != LAMP.replace(*SAME[change])


def test_an_included_draft_counts(tmp_path):
    before = fingerprints(tmp_path, ('lamp', LAMP), ('base1', BASE1))
    after = fingerprints(tmp_path, ('lamp', LAMP), ('base1', BASE1.replace('int', 'long')))
    assert before['lamp'] != after['lamp'] and before['base1'] != after['base1']


def test_a_released_draft_stays_accepted(tmp_path):
    (tmp_path / 'frozen').write_text('# lines\nlamp 0123456789abcdef\n')
    subprocess.run([*GENERATE, '--frozen', tmp_path / 'frozen', tmp_path, f'{SOURCE}/include'],
                   check=True)
    made = (tmp_path / 'generated/drafts.h').read_text()
    assert 'x("lamp", "0123456789abcdef")' in made
    (tmp_path / 'frozen').write_text('lamp 0123\n')
    done = subprocess.run([*GENERATE, '--frozen', tmp_path / 'frozen', tmp_path,
                           f'{SOURCE}/include'], text=True, stderr=subprocess.PIPE, check=False)
    assert done.returncode and 'expected "NAME FINGERPRINT"' in done.stderr


def test_the_tree_has_no_draft_yet():
    """Once it has, this says so: the set is then more than "-"."""
    with open(f'{BUILD}/include/generated/drafts.h', encoding='utf-8') as f:
        drafts = f.read()
    names = [name for name in os.listdir(f'{SOURCE}/include/banos')
             if 'BANOS_DRAFT_HEADER(' in open(f'{SOURCE}/include/banos/{name}', encoding='utf-8')
             .read() and name != 'draft.h']
    assert len(re.findall(r'x\("', drafts)) == len(names)
    assert ('"-"' in drafts) == (not names)
