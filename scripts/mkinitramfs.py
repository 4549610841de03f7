#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the initramfs: a newc cpio archive of the first root file system.

A folder is filled with usr/rootfs, BusyBox and a link for each of its applets,
our own programs, and the drivers, in /lib/banos/drivers, with the lists that depmod makes of them;
GNU cpio packs it. Owners and device nodes need no privilege: fakeroot keeps
track of them. The same input gives the same bytes: order, times, inode
numbers and modes are all fixed here.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import elf

FOLDERS = ('bin dev etc home/user lib/modules mnt proc root run sbin sys tmp '
           'usr/bin usr/sbin var/log var/tmp').split()
LINKS = {'var/run': '../run', 'etc/mtab': '../proc/mounts'}
# What differs from root's 755 and 644.
MODES = {'bin/busybox': 0o4755, 'etc/shadow': 0o600, 'root': 0o700,
         'home/user': 0o750, 'tmp': 0o1777, 'var/tmp': 0o1777}
OWNERS = {'home/user': '1000:1000'}
# Enough to start with; /dev is covered by the kernel's own devices later.
NODES = (('console', 600, 'c 5 1'), ('null', 666, 'c 1 3'),
         ('tty', 666, 'c 5 0'), ('ttyS0', 660, 'c 4 64'))
ROOTFS = 'usr/rootfs'


def install(source, path, executable):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)
    os.chmod(path, 0o755 if executable else 0o644)


def add_rootfs(root, files):
    for path in files:
        install(path, os.path.join(root, os.path.relpath(path, ROOTFS)),
                os.access(path, os.X_OK))


def add_busybox(root, busybox):
    """Install BusyBox, and each applet as a link unless it is ours."""
    install(busybox, f'{root}/bin/busybox', True)
    # --list-full prints paths as BusyBox itself would install them. In a
    # working tree that is another machine's, the applets can't be asked for.
    applets = subprocess.run([busybox, '--list-full'], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()
    for path in applets:
        path = os.path.join(root, path)
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink('/bin/busybox', path)


def add_program(root, spec):
    """Install our program FILE:NAME,LINK,... in /sbin."""
    source, names = spec.rsplit(':', 1)
    name, *links = filter(None, names.split(','))
    install(source, f'{root}/sbin/{name}', True)
    for link in links:
        os.symlink(name, f'{root}/sbin/{link}')


def modinfo(path):
    """The texts of .modinfo."""
    file = elf.Elf(path)
    section = file.section('.modinfo')
    return [x for x in file.content(section).split(b'\0') if x] if section else []


def add_lists(base, args):
    """What Linux's build makes, for depmod: which drivers there are. None is said to be built in, since that
    depends on the kernel, and the folder on none; the kernel answers EEXIST for those."""
    with open(f'{base}/modules.order', 'w', encoding='utf-8') as f:
        f.writelines(os.path.relpath(x, args.modules_root) + '\n' for x in args.modules)
    for name in ('builtin', 'builtin.modinfo'):
        with open(f'{base}/modules.{name}', 'w', encoding='utf-8'):
            pass


def add_depends(base, args):
    """Put what depmod found into each driver, as Linux's modpost does: tools
    that look at no symbols (BusyBox's depmod) go by that."""
    with open(f'{base}/modules.dep', encoding='utf-8') as f:
        for path, needs in (x.split(':') for x in f):
            names = [os.path.basename(x)[:-3].replace('-', '_')
                     for x in needs.split()]
            texts = modinfo(f'{base}/{path}')
            if not texts or any(x.startswith(b'depends=') for x in texts):
                continue
            texts.append(b'depends=' + ','.join(names).encode())
            with tempfile.NamedTemporaryFile() as new:
                new.write(b''.join(x + b'\0' for x in texts))
                new.flush()
                subprocess.run(args.objcopy.split() + [
                    '--update-section', f'.modinfo={new.name}',
                    f'{base}/{path}'], check=True)


def add_modules(root, args):
    base = f'{root}/lib/banos/drivers'
    for module in args.modules:
        path = f'{base}/{os.path.relpath(module, args.modules_root)}'
        install(module, path, False)
        # Debug sections stay in the build folder: memory is precious here.
        subprocess.run(args.strip.split() + ['--strip-debug', path], check=True)
    os.makedirs(base, exist_ok=True)
    # For kmod and BusyBox; /etc/init.d/drivers makes it for kernels of other releases.
    os.symlink('../banos/drivers', f'{root}/lib/modules/{args.release}')
    add_lists(base, args)
    done = subprocess.run(['depmod', '-b', root, args.release],
                          env=dict(os.environ, PATH=os.environ['PATH'] +
                                   ':/usr/sbin:/sbin'),
                          stderr=subprocess.PIPE, text=True)
    if done.returncode or done.stderr:
        sys.stderr.write(done.stderr)
        sys.exit('mkinitramfs: depmod did not accept the drivers')
    add_depends(base, args)
    # kmod reads the .bin files, everybody else the texts.
    for name in ('dep', 'alias', 'symbols', 'softdep', 'devname'):
        path = f'{base}/modules.{name}'
        with open(path, encoding='utf-8') as f:
            lines = [x for x in f.read().splitlines() if not x.startswith('#')]
        with open(path, 'w', encoding='utf-8') as f:
            f.writelines(x + '\n' for x in sorted(lines))


def set_modes(root):
    for folder, _, files in os.walk(root):
        os.chmod(folder, 0o755)
    for path, mode in MODES.items():
        os.chmod(os.path.join(root, path), mode)


def pack(root, output):
    script = ['set -e', f'cd "{root}"']
    script += [f'chown {owner} {path}' for path, owner in OWNERS.items()]
    for name, mode, node in NODES:
        script.append(f'mknod -m {mode} dev/{name} {node}')
    script += ['find . -exec touch -h -d @0 {} +',
               'find . | LC_ALL=C sort | '
               'cpio --quiet --reproducible -o -H newc']
    temporary = output + '.tmp'
    with open(temporary, 'wb') as out:
        subprocess.run(['fakeroot', 'sh', '-c', '\n'.join(script)],
                       check=True, stdout=out)
    os.replace(temporary, output)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--busybox', required=True)
    parser.add_argument('--release', required=True)
    parser.add_argument('--strip', default='strip')
    parser.add_argument('--objcopy', default='objcopy')
    parser.add_argument('--modules-root', default='build/drivers')
    parser.add_argument('--program', action='append', default=[])
    parser.add_argument('--file', action='append', default=[],
                        help=f'copied as it is: {ROOTFS}/PATH')
    parser.add_argument('-o', dest='output', required=True)
    parser.add_argument('modules', nargs='*')
    args = parser.parse_args()

    os.umask(0o022)
    with tempfile.TemporaryDirectory() as root:
        for folder in FOLDERS:
            os.makedirs(f'{root}/{folder}', exist_ok=True)
        for path, target in LINKS.items():
            os.symlink(target, f'{root}/{path}')
        add_rootfs(root, args.file)
        for program in args.program:
            add_program(root, program)
        add_busybox(root, args.busybox)
        add_modules(root, args)
        set_modes(root)
        pack(root, args.output)


if __name__ == '__main__':
    main()
