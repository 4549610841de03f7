/* SPDX-License-Identifier: MIT */
/** @file vt_internal.h  The screen (vt_screen.c) as the parser of sequences (vt.c) uses it. */
#pragma once
#include "vt.h"

vt_cell vt_blank(const struct vt *v);
void vt_update_attr(struct vt *v);
void vt_scroll_up(struct vt *v, u32 top, u32 bottom, u32 n);
void vt_scroll_down(struct vt *v, u32 top, u32 bottom, u32 n);
void vt_move_to(struct vt *v, s32 x, s32 y);
void vt_move_absolute(struct vt *v, s32 x, s32 y);
void vt_line_feed(struct vt *v);
void vt_reverse_line_feed(struct vt *v);
void vt_carriage_return(struct vt *v);
void vt_tab(struct vt *v);
void vt_default_tabs(struct vt *v);
void vt_save_cursor(struct vt *v);
void vt_restore_cursor(struct vt *v);
void vt_insert_chars(struct vt *v, u32 n);
void vt_delete_chars(struct vt *v, u32 n);
void vt_erase_chars(struct vt *v, u32 n);
void vt_insert_lines(struct vt *v, u32 n);
void vt_delete_lines(struct vt *v, u32 n);
void vt_erase_in_line(struct vt *v, u32 how);
void vt_erase_in_display(struct vt *v, u32 how);
void vt_put_glyph(struct vt *v, u8 glyph);
void vt_put_byte(struct vt *v, u8 c);
void vt_put_broken(struct vt *v);
void vt_put_utf8(struct vt *v, u8 c);
size_t vt_put_run(struct vt *v, const u8 *s, size_t n);
