# SPDX-License-Identifier: MIT
"""Names of folders and variables of the environment: they work, or are refused
in one sentence before anything is made."""
import os
import shutil

import pytest

from conftest import SOURCE, Tree

ODD = ['a$b', 'a$$b', '$(shell touch made)', 'a`touch made`', "a'b", 'a"b',
       'a b', 'a#b', 'a%b', 'a:b', 'a\nb', 'a\tb', 'a\\b', 'a;b', 'a&b', 'a*',
       'a=b', 'a,b', 'a^b', 'a|b', '(a)', '{a}', '[a]', 'a?', '!a']


def refused(tree, *goals, **options):
    """The one line that make printed; nothing was made."""
    before = sorted(os.listdir(tree.path))
    text = tree.make(*goals, fails=True, **options)
    assert sorted(os.listdir(tree.path)) == before, text
    assert text.count('***') == 1 and 'Syntax error' not in text, text
    return text


@pytest.mark.parametrize('name', [*ODD, '', ' ', '-x', '--', '~x', 'ü'])
def test_an_odd_output_folder_is_refused(tree, name):
    assert 'use letters' in refused(tree, f'O={name}')


@pytest.mark.parametrize('name', ['.', '..', '/', './/', 'kernel', 'tests/x',
                                  'include/../scripts', 'configs'])
def test_an_output_folder_among_the_sources_is_refused(tree, name):
    assert 'use another folder' in refused(tree, f'O={name}')


@pytest.mark.parametrize('name', ODD)
def test_an_odd_name_of_the_tree_is_refused(tmp_path, name):
    tree = Tree.__new__(Tree)
    tree.path, tree.make_options = str(tmp_path / name.replace('/', '')), []
    os.mkdir(tree.path)
    shutil.copy(os.path.join(SOURCE, 'Makefile'), tree.path)
    assert 'folder with this name' in refused(tree)


def test_another_name_works(tmp_path):
    tree = Tree(tmp_path / '-ü@c+d~e')
    tree.make('O=../out@+~')
    assert tree.exists('../out@+~/banos.elf')


@pytest.mark.long
def test_other_names_work(tmp_path):
    tree = Tree(tmp_path / '-ü@c+d~e')
    tree.make()
    image = tree.read('build/banos.elf')
    tree.make('O=.//./out')     # flags of single objects hang on their names
    tree.make('O=../out@+~')
    assert tree.read('out/banos.elf') == tree.read('../out@+~/banos.elf') == \
        image


def test_variables_of_the_environment_change_nothing(tree, tmp_path):
    tree.make()
    image = tree.read('build/banos.elf')
    config = tree.read('build/.config')
    shutil.rmtree(tree.file('build'))
    nowhere = str(tmp_path / 'nowhere')
    script = tmp_path / 'script'
    script.write_text('echo polluted; exit 9\n')
    (tmp_path / 'with blanks').mkdir()
    names = {
        nowhere: 'KCONFIG_AUTOCONFIG KCONFIG_AUTOHEADER KCONFIG_TRISTATE '
                 'srctree GCC_EXEC_PREFIX COMPILER_PATH C_INCLUDE_PATH CPATH '
                 'LIBRARY_PATH PYTHONHOME PYTHONPATH HOME CDPATH LD_RUN_PATH '
                 'DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES',
        str(script): 'ENV BASH_ENV PYTHONSTARTUP',
        'x': 'KCONFIG_PROBABILITY CFLAGS CPPFLAGS LDFLAGS ASFLAGS quiet src '
             'obj out mode command flags modules depfile Q LANG TERM '
             'PYTHONSAFEPATH PYTHONOPTIMIZE obj-y kernel-objs main-objs',
        'elf32-i386': 'GNUTARGET', 'elf_i386': 'LDEMULATION',
        '1': 'KCONFIG_NOSILENTUPDATE KCONFIG_OVERWRITECONFIG KCONFIG_ALLCONFIG '
             'KCONFIG_NOTIMESTAMP POSIXLY_CORRECT SOURCE_DATE_EPOCH',
        'FOO_': 'CONFIG_', 'y': 'CONFIG_DEBUG_LOCKS', '9': 'VERSION RELEASE '
        'BANOS_VERSION', '--color=always': 'GREP_OPTIONS',
        'tr_TR.UTF-8': 'LC_ALL', '/': 'IFS',
        str(tmp_path / 'with blanks'): 'TMPDIR',
    }
    variables = {name: value for value, line in names.items()
                 for name in line.split()}
    tree.make(variables=variables)
    assert tree.read('build/.config') == config
    assert tree.read('build/banos.elf') == image
    assert not os.path.exists(nowhere)


def test_what_kconfig_reads_works_or_is_refused(tree):
    tree.write('mine', '# CONFIG_KALLSYMS is not set\n')
    tree.make('allyesconfig', variables={'KCONFIG_ALLCONFIG': 'mine'})
    assert b'# CONFIG_KALLSYMS is not set' in tree.read('build/.config')
    for seed in ('7', '0x7'):
        tree.make('randconfig', variables={'KCONFIG_SEED': seed})
    for variables, words in (
            ({'KCONFIG_SEED': 'abc'}, 'is no number'),
            ({'KCONFIG_SEED': '0x'}, 'is no number'),
            ({'KCONFIG_ALLCONFIG': 'none'}, 'there is no such file')):
        assert words in tree.make('randconfig', variables=variables, fails=True)
    assert 'O= names another folder' in refused(
        tree, variables={'KCONFIG_CONFIG': 'other'})
