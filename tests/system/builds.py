# SPDX-License-Identifier: MIT
"""Builds of the real tree in which other drivers are built in, or files, than usual."""
import functools
import os
import re
import shutil
import subprocess

import machine as machines

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')

# In the order of drivers/samples/Makefile, which is the order they start in.
SAMPLES = ('hello params ticker errand counter scratch bell adder sum maybe '
           'finder shapes').split()


# Beside the samples: drivers that are made for this test. Two are one source,
# with the same names for everything, static or not.
TWIN = '''
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/print.h>
int64_t value, helper(int64_t a);
static int64_t kept;
__attribute__((constructor)) static void begin(void) {{ kept = value = {value}; }}
__attribute__((noinline)) int64_t helper(int64_t a) {{ return a + value; }}
int64_t {name}_value(void);
int64_t {name}_value(void) {{ return helper(kept); }}
BANOS_EXPORT({name}_value);
static int64_t init(banos_owner self)
{{
	banos_print(self, "%lld", (long long){name}_value());
	return 0;
}}
BANOS_DRIVER({name}, "1.0", "MIT", "Has a twin", init, NULL);
'''
TRIALS = ('order', 'twin_a', 'twin_b')
# States of a function what its exporter does not.
DISPUTED = '''/* SPDX-License-Identifier: MIT */
/* Calls a function of the driver adder with another signature. */
#include <banos/driver.h>
#include <banos/export.h>

int64_t adder_add(int64_t first, int64_t second);
BANOS_IMPORT_AS(adder_add, "ii");

static int64_t disputed_init(banos_owner self)
{
	return adder_add(1, -1);
}

BANOS_DRIVER(disputed, "1.0", "MIT", "Is refused", disputed_init, NULL);
'''
REFUSED = ('disputed',)


def sources():
    """Path and content of each file of the tree, the trials included."""
    files = {}
    for folder, folders, names in os.walk(SOURCE):
        folders[:] = [x for x in folders if not x.startswith(('.', '_', 'build'))
                      and os.path.realpath(os.path.join(folder, x)) !=
                      os.path.realpath(machines.BUILD)]
        for path in (os.path.join(folder, x) for x in names):
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, 'rb') as f:
                    files[os.path.relpath(path, SOURCE)] = \
                        (f.read(), os.stat(path).st_mode & 0o777)
    folder = 'drivers/samples'
    more = {f'{folder}/order.c': files['tests/drivers/src/order.c'][0]}
    for name, value in (('twin_a', 10), ('twin_b', 20)):
        more[f'{folder}/{name}.c'] = TWIN.format(name=name, value=value).encode()
    more[f'{folder}/disputed.c'] = DISPUTED.encode()
    for name in ('Kconfig', 'Makefile'):
        more[f'{folder}/{name}'] = files[f'{folder}/{name}'][0]
    for x in (*TRIALS, *REFUSED):
        more[f'{folder}/Makefile'] += \
            f'obj-$(CONFIG_SAMPLE_{x.upper()}) += {x}.o\n'.encode()
        more[f'{folder}/Kconfig'] += \
            f'config SAMPLE_{x.upper()}\n\ttristate "{x}"\n\n'.encode()
    files.update({name: (data, 0o644) for name, data in more.items()})
    return files


def same_bytes(path, data):
    with open(path, 'rb') as f:
        return f.read() == data


def copy_tree(target):
    """A copy of the tree; what has not changed keeps its time."""
    for name, (data, mode) in sources().items():
        path = os.path.join(target, name)
        if os.path.exists(path):
            if same_bytes(path, data):
                continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
        os.chmod(path, mode)
        original = os.path.join(SOURCE, name)
        if os.path.exists(original) and same_bytes(original, data):
            shutil.copystat(original, path)


# Folders of a build with objects, and with what they are made of.
SEEDED = ('arch banos device drivers fs init kernel lib mm net include/config include/drafts '
          'include/generated scripts tests/kernel').split()


def named(folder, tree):
    """A folder as commands of a build in that tree name it."""
    inside = os.path.relpath(folder, tree)
    return os.path.abspath(folder) if inside.startswith('..') else inside


def seed(source, out, usual=machines.BUILD, words=(), stale=None):
    """Begin a build of a tree in @p out with the objects of a usual one: make then redoes only what
    differs. The places of tree and output are in the recorded commands, and nowhere else.
    @p words: (old, new) of commands that differ otherwise. @p stale: a pattern of what objects were made
    of that are to be made anew"""
    if os.path.exists(f'{out}/include/config'):
        return
    source, tree = os.path.abspath(source), os.path.abspath(SOURCE)
    usual, name = os.path.abspath(usual), named(out, source)
    names = [usual, named(usual, tree)]
    maps = {f'{usual}/': f'{os.path.abspath(out)}/', f'{names[1]}/': f'{name}/',
            f'{tree}/': f'{source}/', tree: source}

    def moved(match):
        word = match[0]
        if word.startswith('-ffile-prefix-map='):
            _, old, new = word.split('=')
            return f'-ffile-prefix-map={maps.get(old, old)}={new}'
        return re.sub(rf'^(savedcmd_|(?:\$\()?deps_|-I)?({"|".join(map(re.escape, names))})/', rf'\1{name}/', word)

    def copy(path, target):
        if not path.endswith('.cmd'):
            return shutil.copy2(path, target)
        with open(path, encoding='utf-8') as f:
            text = f.read()
        if stale and re.search(stale, text):
            return target
        text = re.sub(r'[^\s:]+', moved, text)
        for old, new in words:
            text = text.replace(old, new)
        with open(target, 'w', encoding='utf-8') as f:
            f.write(text)
        return target

    for folder in SEEDED:
        if os.path.exists(f'{usual}/{folder}'):
            shutil.copytree(f'{usual}/{folder}', f'{out}/{folder}', copy_function=copy)


# What the usual kernel has built in is a file where the samples are built in.
AS_FILES = 'bus_pci misc_edu char_null char_zero char_full'.split()
# What a root on a virtio disk needs.
DISK_DRIVERS = 'bus_virtio virtio_blk fs_ext2 fs_probe partition_gpt lib_checksum'.split()


def build(source, out, config, goal):
    """Build with these lines of the configuration, and what else is the default."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    os.makedirs(out, exist_ok=True)
    with open(f'{out}/.config', 'w', encoding='utf-8') as f:
        f.writelines(f'CONFIG_{x.upper()}={answer}\n' for x, answer in config.items())
    for target in ('olddefconfig', goal):
        done = subprocess.run(
            ['make', f'-j{os.cpu_count()}', f'O={os.path.abspath(out)}', target],
            cwd=source, env=env, timeout=400, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-4000:]


@functools.cache
def samples_builtin():
    """A kernel in which the samples are built in and all other drivers are files, in "y";
    the samples as files for any kernel, in "m". @return their folder"""
    out = os.path.join(machines.BUILD, 'tests', 'builtin')
    source = f'{out}/source'
    copy_tree(source)
    for answer in 'ym':
        seed(source, f'{out}/{answer}')
    samples = [f'sample_{x}' for x in (*SAMPLES, *TRIALS, *REFUSED)]
    build(source, f'{out}/y', dict.fromkeys(samples, 'y') | dict.fromkeys(AS_FILES, 'm'), 'all')
    build(source, f'{out}/m', dict.fromkeys(samples, 'm'), 'modules')
    return out


def samples_builtin_kernel():
    """What start() takes to boot it."""
    out = samples_builtin()
    with open(f'{out}/y/initramfs.cpio', 'rb') as f:
        return {'kernel': f'{out}/y/banos.elf', 'initrd': f.read()}


@functools.cache
def disk_kernel():
    """A kernel that mounts a root on a virtio disk without an initramfs. @return its path"""
    out = os.path.join(machines.BUILD, 'tests', 'disk')
    seed(SOURCE, out)
    build(SOURCE, out, dict.fromkeys(DISK_DRIVERS, 'y'), 'kernel')
    return f'{out}/banos.elf'
