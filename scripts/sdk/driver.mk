# SPDX-License-Identifier: MIT
#
# Rules for drivers, for GNU make. A makefile of one's own says
#
#	drivers := hello net
#	net-objs := main.o ring.o	# of several sources: .c, .cc, .S
#	wide-objs := wide.o $(banos-rt)	# 128-bit arithmetic and the like
#	include .../banos-sdk/share/banos/driver.mk
#
# "make" builds hello.ko and net.ko and has each checked; CC, CXX, LD, CFLAGS and
# CXXFLAGS are as ever.

banos-sdk := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../..)
banos-cflags := -I$(banos-sdk)/include -DBANOS_CFLAGS=1 @CFLAGS@
banos-cxxflags := $(banos-cflags) @CXXFLAGS@
banos-rt := $(banos-sdk)/lib/banos-rt.o
CFLAGS	?= -O2 -Wall
CXXFLAGS ?= -O2 -Wall

banos-modules := $(addsuffix .ko,$(drivers))
banos-objs = $(or $($1-objs),$1.o)
banos-cxx = $(if $(wildcard $(patsubst %.o,%.cc,$(call banos-objs,$1))),$(banos-sdk)/lib/banos-cxx.o)

.PHONY: all clean
all: $(banos-modules)
%.o: %.c
	$(CC) $(banos-cflags) $(CFLAGS) -c -o $@ $<
%.o: %.cc
	$(CXX) $(banos-cxxflags) $(CXXFLAGS) -c -o $@ $<
%.o: %.S
	$(CC) $(banos-cflags) -c -o $@ $<
.SECONDEXPANSION:
$(banos-modules): %.ko: $$(call banos-objs,$$*)
	$(LD) -r -m elf_x86_64 -z noexecstack -o $@ $^ $(call banos-cxx,$*)
	$(banos-sdk)/bin/banos-check --quiet $(banos-check-flags) $@
clean:
	rm -f $(banos-modules) $(filter-out $(banos-rt),$(foreach d,$(drivers),$(call banos-objs,$d)))
