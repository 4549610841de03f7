; SPDX-License-Identifier: MIT
;
; A self-testing driver for nasm: memory, text, time, a timer that calls back, and weak imports
; by each kind of reference that nasm emits. It counts and judges as check.h does.
;
;	nasm -f elf64 assembly.asm -o conformance_assembly.ko

bits 64
default rel

extern banos_print_args, banos_format_args, banos_alloc, banos_free, memcmp, memset, strlen
extern banos_time_ns, banos_api_level, banos_lookup_symbol, banos_sleep_until
extern banos_timer_create, banos_timer_start, banos_timer_cancel, banos_timer_destroy
extern banos_never_first:weak, banos_never_second:weak

INFO		equ 6
EINVAL		equ 22
BYTES		equ 4096
MARK		equ 0x5a17
MS		equ 1000000
RECORD_DRIVER	equ 1

; CHECK e: the condition of the flags holds
%macro CHECK 1
	set%1	al
	call	count_check
%endmacro

%macro field 2
%%text:	db	%1
	times	%2 - ($ - %%text) db 0
%endmacro

section .text

count_check:
	inc	dword [checks]
	test	al, al
	jnz	.holds
	cmp	dword [failed], 0
	jne	.holds
	mov	ecx, [checks]
	mov	[failed], ecx
.holds:	ret

try_memory:
	sub	rsp, 8
	mov	rdi, [self]
	mov	esi, BYTES
	xor	edx, edx
	call	banos_alloc
	mov	[memory], rax
	test	rax, rax
	CHECK	nz
	mov	rdi, [memory]
	test	rdi, BYTES - 1
	CHECK	z
	mov	rdi, [memory]		; all of it is 0
	mov	ecx, BYTES / 8
	xor	eax, eax
	repe	scasq
	CHECK	e
	mov	rdi, [memory]
	mov	esi, 0xa5
	mov	edx, BYTES
	call	memset
	cmp	rax, [memory]
	CHECK	e
	mov	rdi, [memory]
	cmp	byte [rdi + BYTES - 1], 0xa5
	CHECK	e
	mov	rdi, [self]
	mov	rsi, [memory]
	call	banos_free
	test	rax, rax
	CHECK	z
	mov	rdi, [self]
	mov	rsi, [memory]
	call	banos_free
	cmp	rax, -EINVAL
	CHECK	e
	xor	edi, edi
	mov	esi, 16
	xor	edx, edx
	call	banos_alloc
	test	rax, rax
	CHECK	z
	add	rsp, 8
	ret

try_text:
	sub	rsp, 8
	lea	rdi, [buffer]
	mov	esi, 64
	lea	rdx, [format]
	lea	rcx, [values]
	mov	r8d, 3
	call	banos_format_args
	cmp	rax, wanted_length
	CHECK	e
	lea	rdi, [buffer]
	call	strlen
	cmp	rax, wanted_length
	CHECK	e
	lea	rdi, [buffer]
	lea	rsi, [wanted]
	mov	edx, wanted_length + 1
	call	memcmp
	test	eax, eax
	CHECK	z
	add	rsp, 8
	ret

; A timer of 2 ms: its function runs once, with its context.
timer_function:
	db	0xf3, 0x0f, 0x1e, 0xfa	; endbr64
	cmp	rdi, MARK
	jne	.stranger
	inc	dword [ticks]
.stranger:
	xor	eax, eax
	ret

try_timer:
	push	rbx
	mov	rdi, [self]
	lea	rsi, [timer_function]
	mov	edx, MARK
	lea	rcx, [timer]
	call	banos_timer_create
	test	rax, rax
	CHECK	z
	call	banos_time_ns
	mov	rbx, rax
	mov	rdi, [timer]
	lea	rsi, [rax + 2 * MS]
	call	banos_timer_start
	test	rax, rax
	CHECK	z
	lea	rdi, [rbx + 60 * MS]
	xor	esi, esi
	call	banos_sleep_until
	test	rax, rax
	CHECK	z
	call	banos_time_ns
	sub	rax, rbx
	cmp	rax, 60 * MS
	CHECK	ae
	mov	ebx, 200	; when a timer runs late is promised nowhere
.wait:
	cmp	dword [ticks], 0
	jne	.over
	call	banos_time_ns
	lea	rdi, [rax + 50 * MS]
	xor	esi, esi
	call	banos_sleep_until
	dec	ebx
	jnz	.wait
.over:
	mov	rdi, [timer]
	call	banos_timer_cancel
	test	rax, rax
	CHECK	z
	cmp	dword [ticks], 1
	CHECK	e
	mov	rdi, [timer]
	call	banos_timer_destroy
	test	rax, rax
	CHECK	z
	mov	rdi, [timer]
	call	banos_timer_destroy
	cmp	rax, -EINVAL
	CHECK	e
	pop	rbx
	ret

; What is not there is 0, by a word of data, by the table of addresses, and by an immediate.
try_weak:
	sub	rsp, 8
	cmp	qword [first_by_data], 0
	CHECK	e
	mov	rax, [rel banos_never_first wrt ..gotpc]
	test	rax, rax
	CHECK	z
	mov	rax, qword banos_never_second
	test	rax, rax
	CHECK	z
	mov	rdi, [self]
	lea	rsi, [never_name]
	call	banos_lookup_symbol
	test	rax, rax
	CHECK	z
	mov	rax, [rel banos_api_level wrt ..gotpc]
	test	rax, rax
	CHECK	nz
	call	[level_by_data]
	cmp	rax, 1
	CHECK	ge
	add	rsp, 8
	ret

init:
	db	0xf3, 0x0f, 0x1e, 0xfa	; endbr64
	push	rbp
	mov	rbp, rsp
	mov	[self], rdi
	call	try_memory
	call	try_text
	call	try_timer
	call	try_weak
	mov	rdi, [self]
	mov	esi, INFO
	lea	rdx, [passed]
	mov	eax, [checks]
	cmp	dword [failed], 0
	je	.say
	lea	rdx, [not_true]
	mov	eax, [failed]
.say:	mov	[values], rax
	lea	rcx, [values]
	mov	r8d, 1
	call	banos_print_args
	xor	eax, eax
	pop	rbp
	ret

section .data
align 8
values:		dq	48879, -5, text
first_by_data:	dq	banos_never_first
level_by_data:	dq	banos_api_level

section .bss
alignb 8
self:	resq	1
memory:	resq	1
timer:	resq	1
buffer:	resb	64
checks:	resd	1
failed:	resd	1
ticks:	resd	1

section .rodata
format:		db	"%x %d %s", 0
text:		db	"text", 0
wanted:		db	"beef -5 text", 0
wanted_length	equ	$ - wanted - 1
never_name:	db	"banos_never_first", 0
passed:		db	"PASS: %u checks", 0
not_true:	db	"FAIL: check %u", 0

section .banos-driver align=8 write
	dd	376, RECORD_DRIVER, 1, 0	; size, kind, level, lowest level
	dq	0, 0				; features
	field	"conformance_assembly", 56
	field	"1.0", 48
	field	"MIT", 64
	field	"Tests the driver API in assembly", 160
	dq	init, 0

section .modinfo
	db	"name=conformance_assembly", 0
	db	"license=MIT", 0
