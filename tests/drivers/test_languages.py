# SPDX-License-Identifier: MIT
"""Drivers in languages that need more than a flag, by the commands of Documentation/drivers.md."""
import re
import shutil

import pytest

from conftest import SOURCE
from test_sdk import good, flags, sdk  # noqa: F401, the fixture

DESCRIPTOR = '''#include <banos/driver.h>
int64_t acme_lang_init(banos_owner);
BANOS_DRIVER(acme_lang, "1.0", "MIT", "In another language", acme_lang_init, NULL);
'''
ASSEMBLY = '''bits 64
extern banos_print_args
section .text
init:	db 0xf3, 0x0f, 0x1e, 0xfa	; endbr64, which yasm does not know
	sub rsp, 8
	mov esi, 6
	lea rdx, [rel text]
	xor ecx, ecx
	xor r8d, r8d
	call banos_print_args
	add rsp, 8
	ret
section .rodata
text:	db "hello", 0
%macro field 2
%%start: db %1
	times %2 - ($ - %%start) db 0
%endmacro
section .banos-driver align=8 write
	dd 376, 1, 1, 0
	dq 0, 0
	field "acme_lang", 56
	field "1.0", 48
	field "MIT", 64
	field "In assembly", 160
	dq init, 0
'''
D = '''module lang;
extern(C):
__gshared ulong calls;
long banos_print_args(void*, uint, const(char)*, const(ulong)*, uint);
long acme_lang_init(void* self)
{
    calls++;
    return banos_print_args(self, 6, "hello".ptr, null, 0);
}
'''
PASCAL = '''unit lang;
interface
function acme_lang_init(self: pointer): int64; cdecl;
implementation
function print_args(self: pointer; level: dword; format: pchar; args: pointer;
	count: dword): int64; cdecl; external name 'banos_print_args';
function acme_lang_init(self: pointer): int64; cdecl; [public, alias: 'acme_lang_init'];
begin
	acme_lang_init := print_args(self, 6, 'hello', nil, 0);
end;
end.
'''
FORTRAN = '''module lang
  use iso_c_binding
  integer(c_int64_t), bind(c, name="acme_lang_calls") :: calls = 0
contains
  function acme_lang_init(self) bind(c) result(error)
    type(c_ptr), value :: self
    integer(c_int64_t) :: error
    calls = calls + 1
    error = 0
  end function
end module
'''
SOURCES = {'asm': ASSEMBLY, 'd': D, 'pas': PASCAL, 'f90': FORTRAN}


def page():
    with open(f'{SOURCE}/Documentation/drivers.md', encoding='utf-8') as f:
        return f.read()


COMMANDS = {x.split()[0]: x for x in re.findall(r'^\| `(\w+ [^`]*\blang\.\w+[^`]*)` \|', page(),
                                               re.M)}


@pytest.mark.parametrize('compiler', sorted(COMMANDS))
def test_a_command_of_the_page(sdk, tmp_path, compiler):  # noqa: F811
    if not shutil.which(compiler):
        pytest.skip(f'{compiler} is not installed')
    command = COMMANDS[compiler]
    suffix = re.search(r'\blang\.(asm|d|pas|f90)\b', command)[1]
    (tmp_path / f'lang.{suffix}').write_text(SOURCES[suffix])
    (tmp_path / 'desc.c').write_text(DESCRIPTOR)
    good(['sh', '-ec', command], tmp_path)
    objects = ['lang.o']
    if suffix != 'asm':
        good(['gcc', *flags(sdk, 'banos'), '-c', 'desc.c'], tmp_path)
        objects.append('desc.o')
    good(['ld', '-r', '-o', 'lang.ko', *objects], tmp_path)
    assert 'can be installed' in good([str(sdk / 'bin' / 'banos-check'), 'lang.ko'], tmp_path)


def test_the_page_has_them():
    assert {'nasm', 'yasm', 'gdc', 'ldc2', 'fpc', 'gfortran'} <= set(COMMANDS)


def test_tcc_takes_the_flags(sdk, tmp_path):  # noqa: F811
    if not shutil.which('tcc'):
        pytest.skip('tcc is not installed')
    good(['tcc', *flags(sdk, 'banos'), '-c', str(sdk / 'share/banos/samples/hello.c'), '-o',
          'hello.ko'], tmp_path)
    assert 'can be installed' in good([str(sdk / 'bin' / 'banos-check'), 'hello.ko'], tmp_path)


def test_rust_that_may_panic(sdk, tmp_path):  # noqa: F811
    """An index that is checked needs core, linked by the command of the page."""
    rustc = '/usr/bin/rustc'
    if not shutil.which(rustc):
        pytest.skip('rustc is not installed')
    code = (sdk / 'share/banos/languages/rust.rs').read_text()
    changed = code.replace('let mut sum = 0u64;',
                           'let mut sum = [1u64, 2, 3][(owner as usize) % 7];')
    assert changed != code
    (tmp_path / 'rust.rs').write_text(changed)
    script, = [x for x in re.findall(r'^```sh\n(.*?)^```', page(), re.M | re.S)
               if 'rust.lds' in x]
    (tmp_path / 'banos-sdk').symlink_to(sdk)
    output = good(['sh', '-ec', script], tmp_path, PATH=f'{sdk}/bin:/usr/bin:/bin')
    assert 'can be installed' in output
