# SPDX-License-Identifier: MIT
#
# lwIP, which is no part of this tree: compiled from where scripts/lwip.sh finds it, as drivers are, and linked
# into inet. Without it inet is left out. Read by scripts/build.mk behind the folders of drivers.

ifneq ($(CONFIG_NET_INET),)
inet-driver := $(O)/drivers/net/inet/inet
LWIP_DIR ?=
lwip-dir := $(shell LWIP_DIR='$(LWIP_DIR)' scripts/lwip.sh)
ifeq ($(lwip-dir),)
$(info   NOTE    inet is left out: there is no source of lwIP (scripts/lwip.sh fetches it, LWIP_DIR= names it))
drivers-y := $(filter-out $(inet-driver),$(drivers-y))
drivers-m := $(filter-out $(inet-driver),$(drivers-m))
else
lwip-srcs := $(addprefix core/,def inet_chksum init ip mem memp netif pbuf raw tcp tcp_in tcp_out timeouts udp \
	ipv4/etharp ipv4/icmp ipv4/igmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag \
	ipv6/ethip6 ipv6/icmp6 ipv6/inet6 ipv6/ip6 ipv6/ip6_addr ipv6/ip6_frag ipv6/mld6 ipv6/nd6) netif/ethernet
lwip-objs := $(addprefix $(O)/drivers/net/inet/lwip/,$(addsuffix .o,$(lwip-srcs)))
# Before some of its functions there are ours: table.c, udp_table.c, autoconf.c.
flags-$(O)/drivers/net/inet/lwip/core/tcp_in.o := -Dtcp_input=lwip_tcp_input
flags-$(O)/drivers/net/inet/lwip/core/udp.o := -Dudp_input=lwip_udp_input
flags-$(O)/drivers/net/inet/lwip/core/ipv6/nd6.o := -Dnd6_input=lwip_nd6_input
flags-$(O)/drivers/net/inet/lwip/core/tcp.o := -Dtcp_netif_ip_addr_changed=lwip_tcp_netif_ip_addr_changed \
	-DINET_TCP_MEMORY
flags-$(O)/drivers/net/inet/lwip/core/timeouts.o := -DINET_TIMEOUTS
lwip-include := -Idrivers/net/inet/port -I$(lwip-dir)/src/include
# Its warnings are not ours to repair.
quiet_cmd_cc_lwip = CC [L]  $(call short,$@)
      cmd_cc_lwip = $(CC) $(driver-cppflags) $(lwip-include) $(filter-out -W%,$(driver-cflags)) -w \
		$(flags-$@) $(prefix-map) $(lwip-flags-$(basename $(@F))) -MMD -MF $(depfile) -c -o $@ $<
# What is behind IP passes above.c first.
lwip-flags-ip4 := -DINET_BEHIND_IP
lwip-flags-ip6 := -DINET_BEHIND_IP
$(lwip-objs): $(O)/drivers/net/inet/lwip/%.o: $(lwip-dir)/src/%.c $(TOOLCHAIN) FORCE | $(FIXDEP) $(DRIVER_API) $(DRAFTS_H)
	@mkdir -p $(@D)
	$(call if_changed_dep,cc_lwip)
$(foreach o,$(driver-$(inet-driver)),$(eval flags-$o += $(lwip-include)))
driver-$(inet-driver) += $(lwip-objs)
objects-lwip := $(lwip-objs)
endif
endif
