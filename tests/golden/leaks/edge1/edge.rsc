# edge1: everything that this RouterOS (7.20 or later) runs for the fabric. Import it again after each change of
# the site: what is as it was is left alone, and a second import changes nothing. An entry of ours is known by its
# comment; to have one made anew that was changed by hand, remove it and import.

# Filters of routes: a chain's rules stand under a name of their own before the one jump to them is exchanged.
{
:local generation "c11da308"
:if ([:len [/routing filter rule find where comment="trellis:filter $generation active trellis-in"]] = 0) do={
  /routing filter rule remove [find where comment="trellis:filter $generation trellis-in"]
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.10.0.0/24) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.255.0.0/24) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:0:0:ffff::/64) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:10::/64) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (bgp-communities includes 65535:0) {set bgp-local-pref 0}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="set scope-target 20" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.101.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.101.0.0/24 && dst-len == 32) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.101.254.0/24 && dst-len == 32) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.102.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.102.0.0/24 && dst-len == 32) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.103.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.112.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.112.0.0/24 && dst-len == 32) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:101::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:101::/64 && dst-len == 128) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:101:fe::/64 && dst-len == 128) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:102::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:102::/64 && dst-len == 128) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:103::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:112::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:112::/64 && dst-len == 128) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="reject" comment="trellis:filter $generation trellis-in"
  :local first [/routing filter rule find where chain="trellis-in"]
  :if ([:len $first] > 0) do={
    /routing filter rule add chain="trellis-in" rule="jump trellis-in-$generation" comment="trellis:filter $generation active trellis-in" place-before=[:pick $first 0]
  } else={
    /routing filter rule add chain="trellis-in" rule="jump trellis-in-$generation" comment="trellis:filter $generation active trellis-in"
  }
}
:if ([:len [/routing filter rule find where comment="trellis:filter $generation active trellis-out"]] = 0) do={
  /routing filter rule remove [find where comment="trellis:filter $generation trellis-out"]
  /routing filter rule add chain="trellis-out-$generation" rule="if (dst == 0.0.0.0/0) {accept}" comment="trellis:filter $generation trellis-out"
  /routing filter rule add chain="trellis-out-$generation" rule="if (dst == ::/0) {accept}" comment="trellis:filter $generation trellis-out"
  /routing filter rule add chain="trellis-out-$generation" rule="reject" comment="trellis:filter $generation trellis-out"
  :local first [/routing filter rule find where chain="trellis-out"]
  :if ([:len $first] > 0) do={
    /routing filter rule add chain="trellis-out" rule="jump trellis-out-$generation" comment="trellis:filter $generation active trellis-out" place-before=[:pick $first 0]
  } else={
    /routing filter rule add chain="trellis-out" rule="jump trellis-out-$generation" comment="trellis:filter $generation active trellis-out"
  }
}
:if ([:len [/routing filter rule find where comment="trellis:filter $generation active trellis-dynamic"]] = 0) do={
  /routing filter rule remove [find where comment="trellis:filter $generation trellis-dynamic"]
  /routing filter rule add chain="trellis-dynamic-$generation" rule="accept" comment="trellis:filter $generation trellis-dynamic"
  :local first [/routing filter rule find where chain="trellis-dynamic"]
  :if ([:len $first] > 0) do={
    /routing filter rule add chain="trellis-dynamic" rule="jump trellis-dynamic-$generation" comment="trellis:filter $generation active trellis-dynamic" place-before=[:pick $first 0]
  } else={
    /routing filter rule add chain="trellis-dynamic" rule="jump trellis-dynamic-$generation" comment="trellis:filter $generation active trellis-dynamic"
  }
}
/routing filter rule remove [find where comment~"^trellis:filter " and !(comment~"^trellis:filter $generation ")]
}

# The loopback's address, ip.
{
:local kept ""
:local found
:set kept ($kept . "trellis:c129c39f fed12d18 loopback;")
:set found [/ip address find where comment~"^trellis:c129c39f " or address=10.255.0.254/32]
:if ([:len $found] = 0) do={
  /ip address add address=10.255.0.254/32 interface="lo" comment="trellis:c129c39f fed12d18 loopback"
} else={
  :if ([/ip address get [:pick $found 0] comment] != "trellis:c129c39f fed12d18 loopback") do={
    /ip address set [:pick $found 0] address=10.255.0.254/32 interface="lo" comment="trellis:c129c39f fed12d18 loopback"
  }
}
:foreach entry in=[/ip address find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ip address get $entry comment] . ";")]] = "nil") do={ /ip address remove $entry }
}
}

# The loopback's address, ipv6.
{
:local kept ""
:local found
:set kept ($kept . "trellis:88881c8a abcf6dae loopback;")
:set found [/ipv6 address find where comment~"^trellis:88881c8a " or address=fd00:0:0:ffff::fffe/128]
:if ([:len $found] = 0) do={
  /ipv6 address add address=fd00:0:0:ffff::fffe/128 interface="lo" advertise=no comment="trellis:88881c8a abcf6dae loopback"
} else={
  :if ([/ipv6 address get [:pick $found 0] comment] != "trellis:88881c8a abcf6dae loopback") do={
    /ipv6 address set [:pick $found 0] address=fd00:0:0:ffff::fffe/128 interface="lo" advertise=no comment="trellis:88881c8a abcf6dae loopback"
  }
}
:foreach entry in=[/ipv6 address find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ipv6 address get $entry comment] . ";")]] = "nil") do={ /ipv6 address remove $entry }
}
}

# OSPF: an instance for each family.
{
:local kept ""
:local found
:set kept ($kept . "trellis:a3d288c1 91e9cb01 OSPFv2;")
:set found [/routing ospf instance find where comment~"^trellis:a3d288c1 "]
:if ([:len $found] = 0) do={
  /routing ospf instance add name="trellis-v2" version=2 router-id=10.255.0.254 comment="trellis:a3d288c1 91e9cb01 OSPFv2"
} else={
  :if ([/routing ospf instance get [:pick $found 0] comment] != "trellis:a3d288c1 91e9cb01 OSPFv2") do={
    /routing ospf instance set [:pick $found 0] name="trellis-v2" version=2 router-id=10.255.0.254 comment="trellis:a3d288c1 91e9cb01 OSPFv2"
  }
}
:set kept ($kept . "trellis:9c3df227 7bfd5b1b OSPFv3;")
:set found [/routing ospf instance find where comment~"^trellis:9c3df227 "]
:if ([:len $found] = 0) do={
  /routing ospf instance add name="trellis-v3" version=3 router-id=10.255.0.254 comment="trellis:9c3df227 7bfd5b1b OSPFv3"
} else={
  :if ([/routing ospf instance get [:pick $found 0] comment] != "trellis:9c3df227 7bfd5b1b OSPFv3") do={
    /routing ospf instance set [:pick $found 0] name="trellis-v3" version=3 router-id=10.255.0.254 comment="trellis:9c3df227 7bfd5b1b OSPFv3"
  }
}
:foreach entry in=[/routing ospf instance find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing ospf instance get $entry comment] . ";")]] = "nil") do={ /routing ospf instance remove $entry }
}
}

# Its one area.
{
:local kept ""
:local found
:set kept ($kept . "trellis:d57c56c1 2872fd22 OSPFv2;")
:set found [/routing ospf area find where comment~"^trellis:d57c56c1 "]
:if ([:len $found] = 0) do={
  /routing ospf area add name="trellis-v2" instance="trellis-v2" area-id=0.0.0.0 comment="trellis:d57c56c1 2872fd22 OSPFv2"
} else={
  :if ([/routing ospf area get [:pick $found 0] comment] != "trellis:d57c56c1 2872fd22 OSPFv2") do={
    /routing ospf area set [:pick $found 0] name="trellis-v2" instance="trellis-v2" area-id=0.0.0.0 comment="trellis:d57c56c1 2872fd22 OSPFv2"
  }
}
:set kept ($kept . "trellis:3795c883 66d93679 OSPFv3;")
:set found [/routing ospf area find where comment~"^trellis:3795c883 "]
:if ([:len $found] = 0) do={
  /routing ospf area add name="trellis-v3" instance="trellis-v3" area-id=0.0.0.0 comment="trellis:3795c883 66d93679 OSPFv3"
} else={
  :if ([/routing ospf area get [:pick $found 0] comment] != "trellis:3795c883 66d93679 OSPFv3") do={
    /routing ospf area set [:pick $found 0] name="trellis-v3" instance="trellis-v3" area-id=0.0.0.0 comment="trellis:3795c883 66d93679 OSPFv3"
  }
}
:foreach entry in=[/routing ospf area find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing ospf area get $entry comment] . ";")]] = "nil") do={ /routing ospf area remove $entry }
}
}

# Where it speaks, and the loopback.
{
:local kept ""
:local found
:set kept ($kept . "trellis:fda0674e fa7fade3 OSPFv2;")
:set found [/routing ospf interface-template find where comment~"^trellis:fda0674e "]
:if ([:len $found] = 0) do={
  /routing ospf interface-template add area="trellis-v2" interfaces="lo" passive comment="trellis:fda0674e fa7fade3 OSPFv2"
} else={
  :if ([/routing ospf interface-template get [:pick $found 0] comment] != "trellis:fda0674e fa7fade3 OSPFv2") do={
    /routing ospf interface-template set [:pick $found 0] area="trellis-v2" interfaces="lo" passive comment="trellis:fda0674e fa7fade3 OSPFv2"
  }
}
:set kept ($kept . "trellis:fed8ea56 d7237b3a OSPFv2 on vlan10;")
:set found [/routing ospf interface-template find where comment~"^trellis:fed8ea56 "]
:if ([:len $found] = 0) do={
  /routing ospf interface-template add area="trellis-v2" interfaces="vlan10" cost=1000 type=broadcast use-bfd=yes comment="trellis:fed8ea56 d7237b3a OSPFv2 on vlan10"
} else={
  :if ([/routing ospf interface-template get [:pick $found 0] comment] != "trellis:fed8ea56 d7237b3a OSPFv2 on vlan10") do={
    /routing ospf interface-template set [:pick $found 0] area="trellis-v2" interfaces="vlan10" cost=1000 type=broadcast use-bfd=yes comment="trellis:fed8ea56 d7237b3a OSPFv2 on vlan10"
  }
}
:set kept ($kept . "trellis:1fcdff7b 30facdf9 OSPFv3;")
:set found [/routing ospf interface-template find where comment~"^trellis:1fcdff7b "]
:if ([:len $found] = 0) do={
  /routing ospf interface-template add area="trellis-v3" interfaces="lo" passive comment="trellis:1fcdff7b 30facdf9 OSPFv3"
} else={
  :if ([/routing ospf interface-template get [:pick $found 0] comment] != "trellis:1fcdff7b 30facdf9 OSPFv3") do={
    /routing ospf interface-template set [:pick $found 0] area="trellis-v3" interfaces="lo" passive comment="trellis:1fcdff7b 30facdf9 OSPFv3"
  }
}
:set kept ($kept . "trellis:dcc71f7a f98a7c43 OSPFv3 on vlan10;")
:set found [/routing ospf interface-template find where comment~"^trellis:dcc71f7a "]
:if ([:len $found] = 0) do={
  /routing ospf interface-template add area="trellis-v3" interfaces="vlan10" cost=1000 type=broadcast use-bfd=yes comment="trellis:dcc71f7a f98a7c43 OSPFv3 on vlan10"
} else={
  :if ([/routing ospf interface-template get [:pick $found 0] comment] != "trellis:dcc71f7a f98a7c43 OSPFv3 on vlan10") do={
    /routing ospf interface-template set [:pick $found 0] area="trellis-v3" interfaces="vlan10" cost=1000 type=broadcast use-bfd=yes comment="trellis:dcc71f7a f98a7c43 OSPFv3 on vlan10"
  }
}
:foreach entry in=[/routing ospf interface-template find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing ospf interface-template get $entry comment] . ";")]] = "nil") do={ /routing ospf interface-template remove $entry }
}
}

# BFD: with hosts over several links, and on the links.
{
:local kept ""
:local found
:set kept ($kept . "trellis:2555d98f 9ffe86d8 BFD with pve01;")
:set found [/routing bfd configuration find where comment~"^trellis:2555d98f "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=10.255.0.1/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:2555d98f 9ffe86d8 BFD with pve01"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:2555d98f 9ffe86d8 BFD with pve01") do={
    /routing bfd configuration set [:pick $found 0] addresses=10.255.0.1/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:2555d98f 9ffe86d8 BFD with pve01"
  }
}
:set kept ($kept . "trellis:c5273587 f8f69985 BFD with pve01;")
:set found [/routing bfd configuration find where comment~"^trellis:c5273587 "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=fd00:0:0:ffff::1/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:c5273587 f8f69985 BFD with pve01"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:c5273587 f8f69985 BFD with pve01") do={
    /routing bfd configuration set [:pick $found 0] addresses=fd00:0:0:ffff::1/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:c5273587 f8f69985 BFD with pve01"
  }
}
:set kept ($kept . "trellis:c090c144 af4c6660 BFD with pve02;")
:set found [/routing bfd configuration find where comment~"^trellis:c090c144 "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=10.255.0.2/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:c090c144 af4c6660 BFD with pve02"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:c090c144 af4c6660 BFD with pve02") do={
    /routing bfd configuration set [:pick $found 0] addresses=10.255.0.2/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:c090c144 af4c6660 BFD with pve02"
  }
}
:set kept ($kept . "trellis:61518afa 6c5a3df6 BFD with pve02;")
:set found [/routing bfd configuration find where comment~"^trellis:61518afa "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=fd00:0:0:ffff::2/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:61518afa 6c5a3df6 BFD with pve02"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:61518afa 6c5a3df6 BFD with pve02") do={
    /routing bfd configuration set [:pick $found 0] addresses=fd00:0:0:ffff::2/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:61518afa 6c5a3df6 BFD with pve02"
  }
}
:set kept ($kept . "trellis:1369c53c bba25ef8 BFD with pve03;")
:set found [/routing bfd configuration find where comment~"^trellis:1369c53c "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=10.255.0.3/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:1369c53c bba25ef8 BFD with pve03"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:1369c53c bba25ef8 BFD with pve03") do={
    /routing bfd configuration set [:pick $found 0] addresses=10.255.0.3/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:1369c53c bba25ef8 BFD with pve03"
  }
}
:set kept ($kept . "trellis:7951115f 1449d54c BFD with pve03;")
:set found [/routing bfd configuration find where comment~"^trellis:7951115f "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=fd00:0:0:ffff::3/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:7951115f 1449d54c BFD with pve03"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:7951115f 1449d54c BFD with pve03") do={
    /routing bfd configuration set [:pick $found 0] addresses=fd00:0:0:ffff::3/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:7951115f 1449d54c BFD with pve03"
  }
}
:set kept ($kept . "trellis:29c2ab4a ccee9f71 BFD with rtr01;")
:set found [/routing bfd configuration find where comment~"^trellis:29c2ab4a "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=10.255.0.10/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:29c2ab4a ccee9f71 BFD with rtr01"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:29c2ab4a ccee9f71 BFD with rtr01") do={
    /routing bfd configuration set [:pick $found 0] addresses=10.255.0.10/32 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:29c2ab4a ccee9f71 BFD with rtr01"
  }
}
:set kept ($kept . "trellis:a5e82a0f 95416235 BFD with rtr01;")
:set found [/routing bfd configuration find where comment~"^trellis:a5e82a0f "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add addresses=fd00:0:0:ffff::10/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:a5e82a0f 95416235 BFD with rtr01"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:a5e82a0f 95416235 BFD with rtr01") do={
    /routing bfd configuration set [:pick $found 0] addresses=fd00:0:0:ffff::10/128 min-rx=300ms min-tx=300ms multiplier=5 comment="trellis:a5e82a0f 95416235 BFD with rtr01"
  }
}
:set kept ($kept . "trellis:a047c81a c2a1894d BFD on vlan10;")
:set found [/routing bfd configuration find where comment~"^trellis:a047c81a "]
:if ([:len $found] = 0) do={
  /routing bfd configuration add interfaces="vlan10" min-rx=300ms min-tx=300ms multiplier=3 comment="trellis:a047c81a c2a1894d BFD on vlan10"
} else={
  :if ([/routing bfd configuration get [:pick $found 0] comment] != "trellis:a047c81a c2a1894d BFD on vlan10") do={
    /routing bfd configuration set [:pick $found 0] interfaces="vlan10" min-rx=300ms min-tx=300ms multiplier=3 comment="trellis:a047c81a c2a1894d BFD on vlan10"
  }
}
:foreach entry in=[/routing bfd configuration find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing bfd configuration get $entry comment] . ";")]] = "nil") do={ /routing bfd configuration remove $entry }
}
}

# Lists of addresses, ip: what hosts are told beside the default.
{
:local kept ""
:local found
:foreach entry in=[/ip firewall address-list find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ip firewall address-list get $entry comment] . ";")]] = "nil") do={ /ip firewall address-list remove $entry }
}
}

# Lists of addresses, ipv6: what hosts are told beside the default, and what NAT66 translates.
{
:local kept ""
:local found
:foreach entry in=[/ipv6 firewall address-list find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ipv6 firewall address-list get $entry comment] . ";")]] = "nil") do={ /ipv6 firewall address-list remove $entry }
}
}

# BGP: who this is.
{
:local kept ""
:local found
:set kept ($kept . "trellis:31749a58 70c9e523 BGP;")
:set found [/routing bgp instance find where comment~"^trellis:31749a58 "]
:if ([:len $found] = 0) do={
  /routing bgp instance add name="trellis" as=4200000000 router-id=10.255.0.254 comment="trellis:31749a58 70c9e523 BGP"
} else={
  :if ([/routing bgp instance get [:pick $found 0] comment] != "trellis:31749a58 70c9e523 BGP") do={
    /routing bgp instance set [:pick $found 0] name="trellis" as=4200000000 router-id=10.255.0.254 comment="trellis:31749a58 70c9e523 BGP"
  }
}
:foreach entry in=[/routing bgp instance find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing bgp instance get $entry comment] . ";")]] = "nil") do={ /routing bgp instance remove $entry }
}
}

# What all sessions have in common.
{
:local kept ""
:local found
:set kept ($kept . "trellis:7508b153 f2ec31d6 BGP with hosts;")
:set found [/routing bgp template find where comment~"^trellis:7508b153 "]
:if ([:len $found] = 0) do={
  /routing bgp template add name="trellis" hold-time=30s keepalive-time=10s multihop=yes use-bfd=yes input.filter="trellis-in" output.filter-chain="trellis-out" output.default-originate=if-installed output.network="trellis-announced" comment="trellis:7508b153 f2ec31d6 BGP with hosts"
} else={
  :if ([/routing bgp template get [:pick $found 0] comment] != "trellis:7508b153 f2ec31d6 BGP with hosts") do={
    /routing bgp template set [:pick $found 0] name="trellis" hold-time=30s keepalive-time=10s multihop=yes use-bfd=yes input.filter="trellis-in" output.filter-chain="trellis-out" output.default-originate=if-installed output.network="trellis-announced" comment="trellis:7508b153 f2ec31d6 BGP with hosts"
  }
}
:foreach entry in=[/routing bgp template find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing bgp template get $entry comment] . ";")]] = "nil") do={ /routing bgp template remove $entry }
}
}

# A session per host and family.
{
:local kept ""
:local found
:set kept ($kept . "trellis:bfc5dcfd 79f86c93 pve01 ipv4;")
:set found [/routing bgp connection find where comment~"^trellis:bfc5dcfd "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve01-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.1 remote.as=4200001000 tcp-md5-key="" comment="trellis:bfc5dcfd 79f86c93 pve01 ipv4"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:bfc5dcfd 79f86c93 pve01 ipv4") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve01-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.1 remote.as=4200001000 tcp-md5-key="" comment="trellis:bfc5dcfd 79f86c93 pve01 ipv4"
  }
}
:set kept ($kept . "trellis:6ef78e81 65c8be68 pve01 ipv6;")
:set found [/routing bgp connection find where comment~"^trellis:6ef78e81 "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve01-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::1 remote.as=4200001000 tcp-md5-key="" comment="trellis:6ef78e81 65c8be68 pve01 ipv6"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:6ef78e81 65c8be68 pve01 ipv6") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve01-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::1 remote.as=4200001000 tcp-md5-key="" comment="trellis:6ef78e81 65c8be68 pve01 ipv6"
  }
}
:set kept ($kept . "trellis:f9920e45 5818f020 pve02 ipv4;")
:set found [/routing bgp connection find where comment~"^trellis:f9920e45 "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve02-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.2 remote.as=4200001000 tcp-md5-key="" comment="trellis:f9920e45 5818f020 pve02 ipv4"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:f9920e45 5818f020 pve02 ipv4") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve02-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.2 remote.as=4200001000 tcp-md5-key="" comment="trellis:f9920e45 5818f020 pve02 ipv4"
  }
}
:set kept ($kept . "trellis:6bb04936 a60f650b pve02 ipv6;")
:set found [/routing bgp connection find where comment~"^trellis:6bb04936 "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve02-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::2 remote.as=4200001000 tcp-md5-key="" comment="trellis:6bb04936 a60f650b pve02 ipv6"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:6bb04936 a60f650b pve02 ipv6") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve02-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::2 remote.as=4200001000 tcp-md5-key="" comment="trellis:6bb04936 a60f650b pve02 ipv6"
  }
}
:set kept ($kept . "trellis:a80eea63 ab827f11 pve03 ipv4;")
:set found [/routing bgp connection find where comment~"^trellis:a80eea63 "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve03-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.3 remote.as=4200001000 tcp-md5-key="" comment="trellis:a80eea63 ab827f11 pve03 ipv4"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:a80eea63 ab827f11 pve03 ipv4") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve03-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.3 remote.as=4200001000 tcp-md5-key="" comment="trellis:a80eea63 ab827f11 pve03 ipv4"
  }
}
:set kept ($kept . "trellis:40028efd ddb43c82 pve03 ipv6;")
:set found [/routing bgp connection find where comment~"^trellis:40028efd "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-pve03-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::3 remote.as=4200001000 tcp-md5-key="" comment="trellis:40028efd ddb43c82 pve03 ipv6"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:40028efd ddb43c82 pve03 ipv6") do={
    /routing bgp connection set [:pick $found 0] name="trellis-pve03-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::3 remote.as=4200001000 tcp-md5-key="" comment="trellis:40028efd ddb43c82 pve03 ipv6"
  }
}
:set kept ($kept . "trellis:c1f31c1e 2c79e3af rtr01 ipv4;")
:set found [/routing bgp connection find where comment~"^trellis:c1f31c1e "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-rtr01-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.10 remote.as=4200001000 tcp-md5-key="" comment="trellis:c1f31c1e 2c79e3af rtr01 ipv4"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:c1f31c1e 2c79e3af rtr01 ipv4") do={
    /routing bgp connection set [:pick $found 0] name="trellis-rtr01-ipv4" instance="trellis" templates="trellis" afi=ip local.role=ebgp local.address=10.255.0.254 local.ttl=5 remote.address=10.255.0.10 remote.as=4200001000 tcp-md5-key="" comment="trellis:c1f31c1e 2c79e3af rtr01 ipv4"
  }
}
:set kept ($kept . "trellis:c5d66cad 72bd4149 rtr01 ipv6;")
:set found [/routing bgp connection find where comment~"^trellis:c5d66cad "]
:if ([:len $found] = 0) do={
  /routing bgp connection add name="trellis-rtr01-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::10 remote.as=4200001000 tcp-md5-key="" comment="trellis:c5d66cad 72bd4149 rtr01 ipv6"
} else={
  :if ([/routing bgp connection get [:pick $found 0] comment] != "trellis:c5d66cad 72bd4149 rtr01 ipv6") do={
    /routing bgp connection set [:pick $found 0] name="trellis-rtr01-ipv6" instance="trellis" templates="trellis" afi=ipv6 local.role=ebgp local.address=fd00:0:0:ffff::fffe local.ttl=5 remote.address=fd00:0:0:ffff::10 remote.as=4200001000 tcp-md5-key="" comment="trellis:c5d66cad 72bd4149 rtr01 ipv6"
  }
}
:foreach entry in=[/routing bgp connection find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing bgp connection get $entry comment] . ";")]] = "nil") do={ /routing bgp connection remove $entry }
}
}

# What guests may not send by way of this edge.
# Trellis owns every entry whose comment begins with "trellis "; import this file again after each change of the site.
# What is new stands before what is old goes, and a second import changes nothing. RouterOS 7; no connection tracking.
{
:local generation "7799ffd4"
:if ([:len [/ip firewall raw find where comment="trellis $generation active"]] = 0) do={
  /ip firewall raw remove [find where comment~"^trellis $generation "]
  /ip firewall address-list remove [find where comment~"^trellis $generation "]
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.101.254.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.103.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.112.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-infrastructure" address=10.10.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-infrastructure" address=10.255.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-apps" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-apps" address=10.101.254.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-guests" address=10.103.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-store" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-store" address=10.112.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-1-from" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-1-from" address=10.101.254.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-1-to" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-2-from" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-2-to" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-2-to" address=10.101.254.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-3-from" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-3-from" address=10.101.254.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-pass-3-to" address=10.10.0.200/32 comment="trellis $generation list"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-apps" dst-address-list="trellis-$generation-zone-apps" action=return comment="trellis $generation within a zone"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-guests" dst-address-list="trellis-$generation-zone-guests" action=return comment="trellis $generation within a zone"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-store" dst-address-list="trellis-$generation-zone-store" action=return comment="trellis $generation within a zone"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-1-from" dst-address-list="trellis-$generation-pass-1-to" action=return comment="trellis $generation leak backup"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-2-from" dst-address-list="trellis-$generation-pass-2-to" action=return comment="trellis $generation leak backup"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-3-from" dst-address-list="trellis-$generation-pass-3-to" protocol=tcp dst-port=8006 action=return comment="trellis $generation service csi"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-tenants" action=drop comment="trellis $generation R12 other zone"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=tcp tcp-flags=ack action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=tcp tcp-flags=rst action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmp icmp-options=0:0-255 action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmp icmp-options=3:0-255 action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmp icmp-options=11:0-255 action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmp icmp-options=12:0-255 action=return comment="trellis $generation answers"
  /ip firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" action=drop comment="trellis $generation R12 infrastructure"
  :local first [/ip firewall raw find where chain=prerouting and !dynamic]
  :if ([:len $first] > 0) do={
    /ip firewall raw add chain=prerouting src-address-list="trellis-$generation-tenants" action=jump jump-target="trellis-$generation" comment="trellis $generation active" place-before=[:pick $first 0]
  } else={
    /ip firewall raw add chain=prerouting src-address-list="trellis-$generation-tenants" action=jump jump-target="trellis-$generation" comment="trellis $generation active"
  }
}
/ip firewall raw remove [find where comment~"^trellis " and !(comment~"^trellis $generation ")]
/ip firewall address-list remove [find where comment~"^trellis " and !(comment~"^trellis $generation ")]
:if ([:len [/ipv6 firewall raw find where comment="trellis $generation active"]] = 0) do={
  /ipv6 firewall raw remove [find where comment~"^trellis $generation "]
  /ipv6 firewall address-list remove [find where comment~"^trellis $generation "]
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:101:fe::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:103::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:112::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-infrastructure" address=fd00:0:0:ffff::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-infrastructure" address=fd00:10::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-apps" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-apps" address=fd00:101:fe::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-guests" address=fd00:103::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-store" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-store" address=fd00:112::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=fd00:101:fe::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-to" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-2-from" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-2-to" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-2-to" address=fd00:101:fe::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-3-from" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-3-from" address=fd00:101:fe::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-3-to" address=fd00:10::200/128 comment="trellis $generation list"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-apps" dst-address-list="trellis-$generation-zone-apps" action=return comment="trellis $generation within a zone"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-guests" dst-address-list="trellis-$generation-zone-guests" action=return comment="trellis $generation within a zone"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-store" dst-address-list="trellis-$generation-zone-store" action=return comment="trellis $generation within a zone"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-1-from" dst-address-list="trellis-$generation-pass-1-to" action=return comment="trellis $generation leak backup"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-2-from" dst-address-list="trellis-$generation-pass-2-to" action=return comment="trellis $generation leak backup"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-3-from" dst-address-list="trellis-$generation-pass-3-to" protocol=tcp dst-port=8006 action=return comment="trellis $generation service csi"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-tenants" action=drop comment="trellis $generation R12 other zone"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=tcp tcp-flags=ack action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=tcp tcp-flags=rst action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmpv6 icmp-options=129:0-255 action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmpv6 icmp-options=1:0-255 action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmpv6 icmp-options=2:0-255 action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmpv6 icmp-options=3:0-255 action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" protocol=icmpv6 icmp-options=4:0-255 action=return comment="trellis $generation answers"
  /ipv6 firewall raw add chain="trellis-$generation" dst-address-list="trellis-$generation-infrastructure" action=drop comment="trellis $generation R12 infrastructure"
  :local first [/ipv6 firewall raw find where chain=prerouting and !dynamic]
  :if ([:len $first] > 0) do={
    /ipv6 firewall raw add chain=prerouting src-address-list="trellis-$generation-tenants" action=jump jump-target="trellis-$generation" comment="trellis $generation active" place-before=[:pick $first 0]
  } else={
    /ipv6 firewall raw add chain=prerouting src-address-list="trellis-$generation-tenants" action=jump jump-target="trellis-$generation" comment="trellis $generation active"
  }
}
/ipv6 firewall raw remove [find where comment~"^trellis " and !(comment~"^trellis $generation ")]
/ipv6 firewall address-list remove [find where comment~"^trellis " and !(comment~"^trellis $generation ")]
}

# NAT66: tenants' unique local sources leave with the address of the WAN interface; the site has it off.
{
:local kept ""
:local found
:foreach entry in=[/ipv6 firewall nat find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ipv6 firewall nat get $entry comment] . ";")]] = "nil") do={ /ipv6 firewall nat remove $entry }
}
}

# What runs when a delegated prefix comes or goes.
{
:local kept ""
:local found
:foreach entry in=[/system script find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/system script get $entry comment] . ";")]] = "nil") do={ /system script remove $entry }
}
}

# DHCPv6 clients of these pools run the script; one that has a script of its own keeps it.
{
:local pools ";"
:local hook "/system script run trellis-delegation"
:foreach client in=[/ipv6 dhcp-client find] do={
  :local runs [/ipv6 dhcp-client get $client script]
  :local named (";" . [/ipv6 dhcp-client get $client pool-name] . ";")
  :if ([:typeof [:find $pools $named]] = "nil") do={
    :if ($runs = $hook) do={ /ipv6 dhcp-client set $client script="" }
  } else={
    :if ($runs = "") do={ /ipv6 dhcp-client set $client script=$hook }
    :if ($runs != "" and $runs != $hook) do={ /log warning "trellis: a DHCPv6 client has a script of its own; have it run trellis-delegation, too" }
  }
}
}
