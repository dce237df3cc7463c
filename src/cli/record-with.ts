/** How to record what replay needs; said in the help and where a recording lacks it. */
export const RECORD_WITH =
  "tcpdump -i eth0 -w segment.pcap 'ip proto 112 or ip proto 51 or ip6 proto 112 or arp or (icmp6 and ip6[40] == 136) or (vlan and (ip proto 112 or ip proto 51 or ip6 proto 112 or arp))'";
