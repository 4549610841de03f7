# SPDX-License-Identifier: MIT
"""One folder of drivers for all kernels: the kernel is swapped, the folder stays as it is.

The initramfs of today, with the drivers of today, under kernels of other releases, configurations, and
compilers; forward and back again. The long form writes BUILD/abi/swap.json for tests/abi/page.py. On each the three modprobes (ours, BusyBox's, kmod's) find the drivers.
"""
import hashlib
import json
import os
import re
import subprocess
import sys

import kernels
import pytest
from drivers import SOURCE, levels

sys.path.insert(0, os.path.join(SOURCE, 'tests', 'system'))
import archive  # noqa: E402

BUILD = os.path.abspath(os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build'))
MANY = 10
LIMIT_S = 120
FOLDER = '/lib/banos/drivers'
# Run by init before anything else would be: as a program of /etc/inittab.
SCRIPT = f'''#!/bin/sh
cd {FOLDER}
state() {{ find . -type f | sort | xargs sha256sum | sha256sum; find . -type l; }}
before=$(state)
echo "swap: release $(uname -r)"
[ "$1" = readonly ] && {{
	rm -f /lib/modules/*
	mount -o remount,ro /
	touch /lib/x && echo "swap: fault: the root can be written to"
	/etc/init.d/drivers
}}
readlink -f "/lib/modules/$(uname -r)" | sed 's/^/swap: link /'
for tool in modprobe "busybox modprobe" /kmod/modprobe; do
	for name in sum null; do
		$tool $name || echo "swap: fault: $tool $name"
	done
	grep -q '^sum ' /proc/modules || echo "swap: fault: $tool did not install sum"
	dmesg | grep -q 'sum: 1 + 2 = 3' || dmesg | tail -n 3
	$tool -r sum || echo "swap: fault: $tool -r sum"
done
[ "$(state)" = "$before" ] || echo "swap: fault: the folder is another"
echo "swap: folder $before"
echo "swap: end"
poweroff -f
'''


def kmod():
    """The host's kmod, the libraries that it needs, and its names."""
    path = '/usr/bin/kmod' if os.path.exists('/usr/bin/kmod') else '/bin/kmod'
    needs = subprocess.run(['ldd', path], text=True, check=True, stdout=subprocess.PIPE).stdout
    files = {}
    for name in [path] + re.findall(r'(/lib\S+) \(', needs):
        with open(name, 'rb') as f:
            files[name] = archive.file('', f.read(), 0o755)
    files['kmod/modprobe'] = archive.symlink('', path)
    return files


@pytest.fixture(scope='module')
def initrd(tmp_path_factory):
    """Today's initramfs, and behind it what the test adds."""
    path = tmp_path_factory.mktemp('swap') / 'initramfs.cpio'
    with open(f'{BUILD}/initramfs.cpio', 'rb') as f:
        data = f.read()
    extra = {'swap': archive.file('', SCRIPT, 0o755),
             'etc/inittab': '::sysinit:/etc/init.d/rcS\n::once:/swap $MODE\n', **kmod()}
    path.write_bytes(data + archive.cpio(archive.tree(extra)))
    return path


def boot(image, initrd, mode=''):
    """What the machine says of the swap."""
    done = subprocess.run(
        ['qemu-system-x86_64', '-kernel', image, '-initrd', initrd, '-append',
         f'console=ttyS0 quiet MODE={mode}', '-nographic', '-monitor', 'none', '-no-reboot', '-nic',
         'none', '-m', '256M', '-cpu', 'max'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    return done.stdout.decode(errors='replace').replace('\r', '')


def another_release(image, target, release):
    """The same kernel with another answer to uname -r, of the same length."""
    with open(image, 'rb') as f:
        data = f.read()
    old = re.search(rb'\d+\.\d+\.\d+-banos\d+\.\d+\.\d+', data)[0]
    assert len(release) == len(old)
    target.write_bytes(data.replace(old, release))
    return str(target)


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def swap_through(images, initrd):
    """Forward and back. The folder is the same each time. @return ({release}, what swap.json says)"""
    folders, releases, boots = set(), set(), []
    for image in images + images[-2::-1]:
        output = boot(image, initrd)
        release = re.search(r'swap: release (.*)', output)
        assert 'swap: end' in output and 'fault' not in output, output[-5000:]
        assert f'swap: link {FOLDER}\n' in output, output[-3000:]
        folders.add(re.search(r'^swap: folder (.*)', output, re.M)[1])
        releases.add(release[1])
        boots.append({'release': release[1], 'sha256': digest(image)})
        print(f'{boots[-1]["sha256"]} {release[1]}')
    assert len(folders) == 1
    return releases, {'folder': folders.pop().split()[0], 'boots': boots}


def test_the_kernel_is_swapped_under_an_untouched_folder(tmp_path, initrd):
    images = [f'{BUILD}/banos.elf',
              another_release(f'{BUILD}/banos.elf', tmp_path / 'later', b'6.1.0-banos7.8.9')]
    assert len(swap_through(images, initrd)[0]) == 2


def test_a_root_that_is_read_only(tmp_path, initrd):
    image = another_release(f'{BUILD}/banos.elf', tmp_path / 'later', b'6.1.0-banos7.8.9')
    output = boot(image, initrd, 'readonly')
    assert 'swap: end' in output and 'fault' not in output, output[-5000:]
    assert 'Read-only file system' in output and f'swap: link {FOLDER}\n' in output


def test_a_kernel_without_the_link_is_seen(tmp_path, initrd):
    """The test can fail."""
    image = another_release(f'{BUILD}/banos.elf', tmp_path / 'later', b'6.1.0-banos7.8.9')
    broken = tmp_path / 'initramfs.cpio'
    with open(initrd, 'rb') as f:
        broken.write_bytes(f.read() + archive.cpio(archive.tree(
            {'etc/init.d/drivers': archive.file('', '#!/bin/sh\n', 0o755)})))
    assert 'fault: busybox modprobe sum' in boot(image, broken)


@pytest.mark.long
def test_ten_kernels_forward_and_back(tmp_path, initrd):
    found = kernels.todays_two(BUILD) + kernels.todays_others(BUILD)
    for level in levels():
        found += kernels.archived(BUILD, level)
    found = [x for x in found if x.origin != 'wall'][:MANY - 3] + found[-3:]
    images = []
    for number, kernel in enumerate(found):
        wrong = kernel.make(os.cpu_count())
        assert not wrong, wrong
        images.append(another_release(kernel.image, tmp_path / f'{number}',
                                      b'6.1.0-banos7.8.%d' % number))
    assert len({digest(x) for x in images}) == MANY
    releases, said = swap_through(images, initrd)
    assert len(releases) == MANY
    for boot_said, kernel in zip(said['boots'], found + found[-2::-1]):
        boot_said['kernel'] = f'{kernel.title} ({kernel.origin})'
    os.makedirs(f'{BUILD}/abi', exist_ok=True)
    with open(f'{BUILD}/abi/swap.json', 'w', encoding='utf-8') as f:
        json.dump(said, f, indent=1)
