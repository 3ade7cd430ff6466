# edge1: everything that this RouterOS (7.20 or later) runs for the fabric. Import it again after each change of
# the site: what is as it was is left alone, and a second import changes nothing. An entry of ours is known by its
# comment; to have one made anew that was changed by hand, remove it and import.
# Who receives the webhook asks for its token, as `trellis observe serve --webhook-token-file` has it. Give it to the router
# once, and have the router trust the receiver's certificate; until then no sync is requested, and the log says so:
#   /system script add name=trellis-webhook-token policy="" source="..."

# Filters of routes: a chain's rules stand under a name of their own before the one jump to them is exchanged.
{
:local generation "9e6f45d2"
:if ([:len [/routing filter rule find where comment="trellis:filter $generation active trellis-in"]] = 0) do={
  /routing filter rule remove [find where comment="trellis:filter $generation trellis-in"]
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.10.0.0/24) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.20.0.0/16) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 10.255.0.0/24) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fc00:20::/64) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:0:0:ffff::/64) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in fd00:10::/64) {reject}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (bgp-communities includes 65535:0) {set bgp-local-pref 0}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="set scope-target 20" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.100.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.101.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.102.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == 10.103.0.0/24) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 2600:1700:ab1a:4000::/52 && dst-len == 64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst in 2600:1700:ab1a:5000::/52 && dst-len == 64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:100::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:101::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:102::/64) {accept}" comment="trellis:filter $generation trellis-in"
  /routing filter rule add chain="trellis-in-$generation" rule="if (dst == fd00:103::/64) {accept}" comment="trellis:filter $generation trellis-in"
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
  /routing filter rule add chain="trellis-dynamic-$generation" rule="if (dst in 2600:1700:ab1a:4000::/51 && dst-len == 64) {set distance 254; accept}" comment="trellis:filter $generation trellis-dynamic"
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

# RouterOS makes what is delegated to it unreachable, with distance 1, which beats BGP's 20: for a VNet's /64 that route
# is to stand behind the one that hosts announce.
{
:local runs [/routing settings get dynamic-in-chain]
:if ([:len $runs] = 0) do={ /routing settings set dynamic-in-chain=trellis-dynamic }
:if ([:len $runs] > 0 and $runs != "trellis-dynamic") do={ /log warning "trellis: dynamic routes go through a chain of somebody else's; have it jump to trellis-dynamic, too" }
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
:set kept ($kept . "trellis:f1c68f66 fd1c74e9 trellis-nat66;")
:set found [/ipv6 firewall address-list find where comment~"^trellis:f1c68f66 "]
:if ([:len $found] = 0) do={
  /ipv6 firewall address-list add list="trellis-nat66" address=fd00:100::/64 comment="trellis:f1c68f66 fd1c74e9 trellis-nat66"
} else={
  :if ([/ipv6 firewall address-list get [:pick $found 0] comment] != "trellis:f1c68f66 fd1c74e9 trellis-nat66") do={
    /ipv6 firewall address-list set [:pick $found 0] list="trellis-nat66" address=fd00:100::/64 comment="trellis:f1c68f66 fd1c74e9 trellis-nat66"
  }
}
:set kept ($kept . "trellis:395cfb19 6f4671aa trellis-nat66;")
:set found [/ipv6 firewall address-list find where comment~"^trellis:395cfb19 "]
:if ([:len $found] = 0) do={
  /ipv6 firewall address-list add list="trellis-nat66" address=fd00:101::/64 comment="trellis:395cfb19 6f4671aa trellis-nat66"
} else={
  :if ([/ipv6 firewall address-list get [:pick $found 0] comment] != "trellis:395cfb19 6f4671aa trellis-nat66") do={
    /ipv6 firewall address-list set [:pick $found 0] list="trellis-nat66" address=fd00:101::/64 comment="trellis:395cfb19 6f4671aa trellis-nat66"
  }
}
:set kept ($kept . "trellis:43cd63b6 f153be48 trellis-nat66;")
:set found [/ipv6 firewall address-list find where comment~"^trellis:43cd63b6 "]
:if ([:len $found] = 0) do={
  /ipv6 firewall address-list add list="trellis-nat66" address=fd00:102::/64 comment="trellis:43cd63b6 f153be48 trellis-nat66"
} else={
  :if ([/ipv6 firewall address-list get [:pick $found 0] comment] != "trellis:43cd63b6 f153be48 trellis-nat66") do={
    /ipv6 firewall address-list set [:pick $found 0] list="trellis-nat66" address=fd00:102::/64 comment="trellis:43cd63b6 f153be48 trellis-nat66"
  }
}
:set kept ($kept . "trellis:4fb5fd0e 2cea10fd trellis-nat66;")
:set found [/ipv6 firewall address-list find where comment~"^trellis:4fb5fd0e "]
:if ([:len $found] = 0) do={
  /ipv6 firewall address-list add list="trellis-nat66" address=fd00:103::/64 comment="trellis:4fb5fd0e 2cea10fd trellis-nat66"
} else={
  :if ([/ipv6 firewall address-list get [:pick $found 0] comment] != "trellis:4fb5fd0e 2cea10fd trellis-nat66") do={
    /ipv6 firewall address-list set [:pick $found 0] list="trellis-nat66" address=fd00:103::/64 comment="trellis:4fb5fd0e 2cea10fd trellis-nat66"
  }
}
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
:foreach entry in=[/routing bgp connection find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/routing bgp connection get $entry comment] . ";")]] = "nil") do={ /routing bgp connection remove $entry }
}
}

# What guests may not send by way of this edge.
# Trellis owns every entry whose comment begins with "trellis "; import this file again after each change of the site.
# What is new stands before what is old goes, and a second import changes nothing. RouterOS 7; no connection tracking.
{
:local generation "e7f7b751"
:if ([:len [/ip firewall raw find where comment="trellis $generation active"]] = 0) do={
  /ip firewall raw remove [find where comment~"^trellis $generation "]
  /ip firewall address-list remove [find where comment~"^trellis $generation "]
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.100.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-tenants" address=10.103.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-infrastructure" address=10.10.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-infrastructure" address=10.20.0.0/16 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-infrastructure" address=10.255.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-evpnz1" address=10.100.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-evpnz1" address=10.101.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-evpnz1" address=10.102.0.0/24 comment="trellis $generation list"
  /ip firewall address-list add list="trellis-$generation-zone-evpnz1" address=10.103.0.0/24 comment="trellis $generation list"
  /ip firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-evpnz1" dst-address-list="trellis-$generation-zone-evpnz1" action=return comment="trellis $generation within a zone"
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
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=2600:1700:ab1a:400e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=2600:1700:ab1a:5008::/63 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=2600:1700:ab1a:500b::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=2600:1700:ab1a:500e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:100::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-tenants" address=fd00:103::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-infrastructure" address=fc00:20::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-infrastructure" address=fd00:0:0:ffff::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-infrastructure" address=fd00:10::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=2600:1700:ab1a:400e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=2600:1700:ab1a:5008::/63 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=2600:1700:ab1a:500b::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=2600:1700:ab1a:500e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=fd00:100::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-zone-evpnz1" address=fd00:103::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=2600:1700:ab1a:400e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=2600:1700:ab1a:5009::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=2600:1700:ab1a:500b::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=2600:1700:ab1a:500e::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=fd00:100::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=fd00:101::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-from" address=fd00:102::/64 comment="trellis $generation list"
  /ipv6 firewall address-list add list="trellis-$generation-pass-1-to" address=fd00:10::53/128 comment="trellis $generation list"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-zone-evpnz1" dst-address-list="trellis-$generation-zone-evpnz1" action=return comment="trellis $generation within a zone"
  /ipv6 firewall raw add chain="trellis-$generation" src-address-list="trellis-$generation-pass-1-from" dst-address-list="trellis-$generation-pass-1-to" protocol=udp dst-port=53 action=return comment="trellis $generation service dns"
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

# NAT66: tenants' unique local sources leave with the address of the WAN interface; the router has it on while a pool has no prefix.
{
:local kept ""
:local found
:set kept ($kept . "trellis:9068001e 0884f381 NAT66;")
:set found [/ipv6 firewall nat find where comment~"^trellis:9068001e "]
:if ([:len $found] = 0) do={
  /ipv6 firewall nat add chain=srcnat src-address-list="trellis-nat66" out-interface="ether1" action=masquerade disabled=yes comment="trellis:9068001e 0884f381 NAT66"
} else={
  :if ([/ipv6 firewall nat get [:pick $found 0] comment] != "trellis:9068001e 0884f381 NAT66") do={
    /ipv6 firewall nat set [:pick $found 0] chain=srcnat src-address-list="trellis-nat66" out-interface="ether1" action=masquerade comment="trellis:9068001e 0884f381 NAT66"
  }
}
:foreach entry in=[/ipv6 firewall nat find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/ipv6 firewall nat get $entry comment] . ";")]] = "nil") do={ /ipv6 firewall nat remove $entry }
}
}

# What runs when a delegated prefix comes or goes.
{
:local kept ""
:local found
:set kept ($kept . "trellis:55a21559 c6864b8a trellis-nat66;")
:set found [/system script find where comment~"^trellis:55a21559 "]
:if ([:len $found] = 0) do={
  /system script add name="trellis-nat66" policy=ftp,read,write,test dont-require-permissions=yes source="# NAT66 is on while a pool that a DHCPv6 client fills has no prefix.\n\
    :local missing 0\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v100\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v101\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v102\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v103\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if (\$missing > 0) do={\n\
    /ipv6 firewall nat enable [find where comment~\"^trellis:9068001e \" and disabled]\n\
    } else={\n\
    /ipv6 firewall nat disable [find where comment~\"^trellis:9068001e \" and !disabled]\n\
    }\n\
    " comment="trellis:55a21559 c6864b8a trellis-nat66"
} else={
  :if ([/system script get [:pick $found 0] comment] != "trellis:55a21559 c6864b8a trellis-nat66") do={
    /system script set [:pick $found 0] name="trellis-nat66" policy=ftp,read,write,test dont-require-permissions=yes source="# NAT66 is on while a pool that a DHCPv6 client fills has no prefix.\n\
    :local missing 0\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v100\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v101\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v102\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if ([:len [/ipv6 pool find where name=\"pd-v103\"]] = 0) do={ :set missing (\$missing + 1) }\n\
    :if (\$missing > 0) do={\n\
    /ipv6 firewall nat enable [find where comment~\"^trellis:9068001e \" and disabled]\n\
    } else={\n\
    /ipv6 firewall nat disable [find where comment~\"^trellis:9068001e \" and !disabled]\n\
    }\n\
    " comment="trellis:55a21559 c6864b8a trellis-nat66"
  }
}
:set kept ($kept . "trellis:0f1b6a4f 17a60f7a trellis-delegation;")
:set found [/system script find where comment~"^trellis:0f1b6a4f "]
:if ([:len $found] = 0) do={
  /system script add name="trellis-delegation" policy=ftp,read,write,test dont-require-permissions=yes source="# A DHCPv6 client runs this when its prefix comes or goes; the client itself is done a moment later.\n\
    :delay 2s\n\
    /system script run trellis-nat66\n\
    # This requests a sync and tells nothing: who receives it asks the router for the prefixes.\n\
    :local token [/system script find where name=\"trellis-webhook-token\"]\n\
    :if ([:len \$token] = 0) do={\n\
    /log warning \"trellis: no sync was requested, since there is no script trellis-webhook-token with the webhook's token\"\n\
    } else={\n\
    :local header (\"Authorization: Bearer \" . [/system script get [:pick \$token 0] source])\n\
    :do {\n\
    /tool fetch url=\"https://homeops-webhook.example.com/webhooks/prefixes\" http-method=post http-data=\"\" http-header-field=\$header output=none check-certificate=yes duration=10s\n\
    } on-error={ /log warning \"trellis: no sync could be requested; the next scheduled check finds the change\" }\n\
    }\n\
    " comment="trellis:0f1b6a4f 17a60f7a trellis-delegation"
} else={
  :if ([/system script get [:pick $found 0] comment] != "trellis:0f1b6a4f 17a60f7a trellis-delegation") do={
    /system script set [:pick $found 0] name="trellis-delegation" policy=ftp,read,write,test dont-require-permissions=yes source="# A DHCPv6 client runs this when its prefix comes or goes; the client itself is done a moment later.\n\
    :delay 2s\n\
    /system script run trellis-nat66\n\
    # This requests a sync and tells nothing: who receives it asks the router for the prefixes.\n\
    :local token [/system script find where name=\"trellis-webhook-token\"]\n\
    :if ([:len \$token] = 0) do={\n\
    /log warning \"trellis: no sync was requested, since there is no script trellis-webhook-token with the webhook's token\"\n\
    } else={\n\
    :local header (\"Authorization: Bearer \" . [/system script get [:pick \$token 0] source])\n\
    :do {\n\
    /tool fetch url=\"https://homeops-webhook.example.com/webhooks/prefixes\" http-method=post http-data=\"\" http-header-field=\$header output=none check-certificate=yes duration=10s\n\
    } on-error={ /log warning \"trellis: no sync could be requested; the next scheduled check finds the change\" }\n\
    }\n\
    " comment="trellis:0f1b6a4f 17a60f7a trellis-delegation"
  }
}
:foreach entry in=[/system script find where comment~"^trellis:"] do={
  :if ([:typeof [:find $kept ([/system script get $entry comment] . ";")]] = "nil") do={ /system script remove $entry }
}
}
/system script run trellis-nat66

# DHCPv6 clients of these pools run the script; one that has a script of its own keeps it.
{
:local pools ";"
:set pools ($pools . "pd-v100;")
:set pools ($pools . "pd-v101;")
:set pools ($pools . "pd-v102;")
:set pools ($pools . "pd-v103;")
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

# Old VLANs. A connected address beats BGP, so guests of the VNet would be looked for on the VLAN: the addresses go, but
# not before the VNet is heard of by BGP. Import again if the log says that one still waits.
{
:local heard 0
:set heard ($heard + [:len [/ipv6 route find where bgp and dst-address=fd00:100::/64]])
:set heard ($heard + [:len [/ip route find where bgp and dst-address=10.100.0.0/24]])
:if ($heard = 2) do={
  /ip address remove [find where interface="vlan100" and !dynamic]
  /ipv6 address remove [find where interface="vlan100" and !dynamic]
} else={
  /log warning "trellis: vlan100 keeps its addresses: vnet100 is not heard of by BGP yet"
}
}
{
:local heard 0
:set heard ($heard + [:len [/ipv6 route find where bgp and dst-address=fd00:101::/64]])
:set heard ($heard + [:len [/ip route find where bgp and dst-address=10.101.0.0/24]])
:if ($heard = 2) do={
  /ip address remove [find where interface="vlan101" and !dynamic]
  /ipv6 address remove [find where interface="vlan101" and !dynamic]
} else={
  /log warning "trellis: vlan101 keeps its addresses: vnet101 is not heard of by BGP yet"
}
}
{
:local heard 0
:set heard ($heard + [:len [/ipv6 route find where bgp and dst-address=fd00:102::/64]])
:set heard ($heard + [:len [/ip route find where bgp and dst-address=10.102.0.0/24]])
:if ($heard = 2) do={
  /ip address remove [find where interface="vlan102" and !dynamic]
  /ipv6 address remove [find where interface="vlan102" and !dynamic]
} else={
  /log warning "trellis: vlan102 keeps its addresses: vnet102 is not heard of by BGP yet"
}
}
{
:local heard 0
:set heard ($heard + [:len [/ipv6 route find where bgp and dst-address=fd00:103::/64]])
:set heard ($heard + [:len [/ip route find where bgp and dst-address=10.103.0.0/24]])
:if ($heard = 2) do={
  /ip address remove [find where interface="vlan103" and !dynamic]
  /ipv6 address remove [find where interface="vlan103" and !dynamic]
} else={
  /log warning "trellis: vlan103 keeps its addresses: vnet103 is not heard of by BGP yet"
}
}
