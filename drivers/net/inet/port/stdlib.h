/* SPDX-License-Identifier: MIT */
/** @file stdlib.h  What lwIP uses of it. */
#pragma once
