/* SPDX-License-Identifier: MIT */
/** @file vt_internal.h  The screen (vt_screen.c) as the parser of sequences (vt.c) uses it. */
#pragma once
#include "vt.h"

/** The row that programs count from: of the scroll region in origin mode. */
static inline u32 vt_origin(const struct vt *vt)
{
	return vt->origin ? vt->top : 0;
}
vt_cell vt_blank(const struct vt *vt);
void vt_update_attr(struct vt *vt);
void vt_scroll_up(struct vt *vt, u32 top, u32 bottom, u32 count);
void vt_scroll_down(struct vt *vt, u32 top, u32 bottom, u32 count);
void vt_move_to(struct vt *vt, s32 column, s32 row);
void vt_move_absolute(struct vt *vt, s32 column, s32 row);
void vt_line_feed(struct vt *vt);
void vt_reverse_line_feed(struct vt *vt);
void vt_carriage_return(struct vt *vt);
void vt_tab(struct vt *vt);
void vt_default_tabs(struct vt *vt);
void vt_save_cursor(struct vt *vt);
void vt_restore_cursor(struct vt *vt);
void vt_insert_chars(struct vt *vt, u32 count);
void vt_delete_chars(struct vt *vt, u32 count);
void vt_erase_chars(struct vt *vt, u32 count);
void vt_insert_lines(struct vt *vt, u32 count);
void vt_delete_lines(struct vt *vt, u32 count);
void vt_erase_in_line(struct vt *vt, u32 how);
void vt_erase_in_display(struct vt *vt, u32 how);
void vt_put_glyph(struct vt *vt, u8 glyph);
void vt_put_byte(struct vt *vt, u8 byte);
void vt_put_broken(struct vt *vt);
void vt_put_utf8(struct vt *vt, u8 byte);
size_t vt_put_run(struct vt *vt, const u8 *bytes, size_t length);
