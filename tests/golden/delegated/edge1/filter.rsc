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
