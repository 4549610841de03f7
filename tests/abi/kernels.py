# SPDX-License-Identifier: MIT
"""The kernels of the matrix: today's in many configurations, and those of past releases.

A release's kernels lie in abi/LEVEL/kernels/NAME.elf.xz, stripped; SHA256SUMS beside them has the hash
of what is unpacked.
"""
import glob
import hashlib
import lzma
import os
import subprocess

from drivers import SOURCE

SEEDS = range(1, 21)
# What a machine under test needs: its results come through the first serial port.
RANDOM_BASE = f'{os.path.dirname(os.path.abspath(__file__))}/random.config'
BUILD_LIMIT_S = 900


class Kernel:
    """
    @p origin: "today", "level N", "future" or "wall". @p image: its file, once made() has returned
    @p goals: what make has to do, None: it is there already
    """

    def __init__(self, ident, title, origin, image, goals=None, variables=None):
        self.ident, self.title, self.origin, self.image = ident, title, origin, image
        self.goals, self.variables = goals, variables or {}
        self.sha256 = None

    def make(self, jobs):
        """Build it. @return what went wrong, or None"""
        env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
        if os.path.isdir('/usr/lib/ccache'):
            env['PATH'] = '/usr/lib/ccache:' + env['PATH']
        env.update(self.variables)
        for goal in self.goals or ():
            words = [f'LLVM={env["LLVM"]}'] if 'LLVM' in self.variables else []
            try:
                done = subprocess.run(
                    ['make', f'-j{jobs}', f'O={os.path.dirname(self.image)}', *words, goal],
                    cwd=SOURCE, env=env, text=True, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_LIMIT_S,
                    check=False)
            except subprocess.TimeoutExpired:
                return f'make {goal} took more than {BUILD_LIMIT_S} s'
            if done.returncode:
                return f'make {goal} failed:\n{done.stdout[-3000:]}'
        with open(self.image, 'rb') as f:
            self.sha256 = hashlib.sha256(f.read()).hexdigest()
        return None

    def described(self):
        return {'title': self.title, 'origin': self.origin, 'sha256': self.sha256}


def todays_two(build):
    """Those that are built for every test."""
    return [Kernel('default', 'default', 'today', f'{build}/banos.elf'),
            Kernel('debug', 'debug', 'today', f'{build}/debug/banos.elf')]


def configured(build, ident, title, config, origin='today', folder=None, **variables):
    return Kernel(ident, title, origin, f'{folder or f"{build}/abi/{ident}"}/banos.elf',
                  [config, 'kernel'], variables)


def future(build):
    return configured(build, 'future', 'of the future', 'future_defconfig', 'future',
                      f'{build}/future')


def todays_others(build, seeds=SEEDS):
    found = [configured(build, 'tiny', 'tiny', 'tiny_defconfig'),
             configured(build, 'allmod', 'allmodconfig', 'allmodconfig'),
             configured(build, 'llvm', 'LLVM=1', 'defconfig', LLVM='1'),
             future(build)]
    if os.path.exists(f'{SOURCE}/configs/wall_defconfig'):
        found.append(configured(build, 'wall', 'with the wall', 'wall_defconfig', 'wall'))
    return found + [configured(build, f'random-{seed}', f'randconfig {seed}', 'randconfig',
                               KCONFIG_SEED=str(seed), KCONFIG_ALLCONFIG=RANDOM_BASE)
                    for seed in seeds]


def sums(path):
    """{file: sha256} of a list that sha256sum wrote."""
    with open(path, encoding='utf-8') as f:
        return {name: digest for digest, name in (x.split(None, 1) for x in f.read().splitlines())}


def archived(build, level):
    """Unpack those of a release, and compare their hashes."""
    base, found = f'{SOURCE}/abi/{level}/kernels', []
    packed = sorted(glob.glob(f'{base}/*.elf.xz'))
    known = sums(f'{base}/SHA256SUMS') if packed else {}
    for path in packed:
        name = os.path.basename(path)[:-3]
        with lzma.open(path) as f:
            data = f.read()
        if hashlib.sha256(data).hexdigest() != known.get(name):
            raise ValueError(f'{path}: SHA256SUMS says that this is another file')
        target = f'{build}/abi/{level}/{name}'
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or open(target, 'rb').read() != data:
            with open(target, 'wb') as f:
                f.write(data)
        found.append(Kernel(f'{level}-{name[:-4]}', name[:-4], f'level {level}', target))
    return found
