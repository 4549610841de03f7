# SPDX-License-Identifier: MIT
"""Configuring: nothing that a person wrote is dropped without a word."""
import pytest

from conftest import long


@pytest.fixture
def configured(tree):
    tree.make('defconfig')
    return tree


@pytest.mark.parametrize('line, message', [
    ('CONFIG_NO_SUCH_THING=y', 'CONFIG_NO_SUCH_THING: there is no such option'),
    ('CONFIG_NR_CPU=4', 'did you mean CONFIG_NR_CPUS?'),
    ('CONFIG_NR_CPUS=65', 'CONFIG_NR_CPUS=65: must be from 1 to 64'),
    *long(('CONFIG_NR_CPUS=many', 'must be a decimal number'),
          ('CONFIG_PHYS_START=0x7fffff', 'must be from 0x100000 to 0x600000'),
          ('CONFIG_KALLSYMS=m', 'must be y or n, not m'),
          ('CONFIG_CMDLINE=quiet', 'must be in double quotes')),
    ('KALLSYMS=y', '"KALLSYMS=y" is not a setting'),
])
def test_wrong_line_stops_the_build_and_is_named(configured, line, message):
    configured.option(line)
    before = configured.read('build/.config')
    for _ in range(2):                          # it is no less wrong later
        output = configured.make('kernel', fails=True)
        assert message in output
        assert f'.config:{len(before.splitlines())}:' in output
    assert configured.read('build/.config') == before


def test_olddefconfig_drops_and_says_so(configured):
    configured.option('CONFIG_NO_SUCH_THING=y')
    assert 'there is no such option' in configured.make('olddefconfig')
    assert b'NO_SUCH' not in configured.read('build/.config')
    configured.make('kernel')


def test_unmet_dependency_is_a_warning(configured):
    configured.option('CONFIG_DEBUG_LOCKS=y')
    output = configured.make('kernel')
    assert 'warning' in output and 'CONFIG_DEBUG_LOCKS=y: cannot be' in output


def test_wrong_defconfig_is_refused(configured):
    configured.write('configs/odd_defconfig', 'CONFIG_ODD=y\n')
    assert 'CONFIG_ODD: there is no such' in configured.make(
        'odd_defconfig', fails=True)
    assert 'tiny_defconfig' in configured.make('none_defconfig', fails=True)


def test_savedefconfig_keeps_what_differs(configured):
    configured.make('debug_defconfig', 'savedefconfig')
    assert configured.read('build/defconfig').strip() == \
        b'CONFIG_DEBUG_KERNEL=y'


def test_modules_off_turns_files_into_built_in(configured):
    configured.option('# CONFIG_MODULES is not set')
    configured.option('CONFIG_TWO=m')
    configured.make()
    assert not configured.exists('build/drivers/char/two.ko')
    assert b'CONFIG_TWO=y' in configured.read('build/.config')


@pytest.mark.parametrize('goal', [
    *long('allnoconfig', 'allyesconfig'), 'allmodconfig', *long('randconfig')])
def test_every_configuration_builds(configured, goal):
    configured.make(goal, 'all')
    assert configured.make() == ''
