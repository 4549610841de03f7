#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The commonest BusyBox applets, each on its own input, in an empty folder.
# test_applets.py runs this with the same BusyBox here and in the machine and
# compares what they print, so nothing in the output may depend on the time,
# the process number, the user or the file system. `applet NAME` begins a part.

export LC_ALL=C TZ=UTC0 HOME=/ USER=root
umask 022
applet() { echo "== $1"; }
status() { "$@"; echo "status $?"; }

applet sh
i=0; while [ $i -lt 5 ]; do i=$((i + 1)); printf '%d ' $i; done; echo
f() { local x=$1; echo "f $x $#"; }; f a b
set -- one 'two words' three; echo "$#: $2"; shift; echo "$*"
case hello in h*o) echo match ;; esac
x=abcdef; echo ${x#ab} ${x%ef} ${x:2:2} ${x/cd/XY} ${#x}
(cd / && pwd); echo $((0x10 + 010 * 3)) $((7 % 3)) $((1 << 20))
trap 'echo trapped' USR1; kill -USR1 $$; trap - USR1
echo a b c | { read p q; echo "$q|$p"; }

applet echo
echo plain; echo -n 'no newline'; echo; echo -e 'tab\there\0101'
applet printf
printf '%5d|%-5s|%05.1f|%x|%o|%c|%%\n' 42 ab 3.14159 255 8 z
applet true; status true
applet false; status false
applet test
test 3 -gt 2 && echo gt; [ -d . ] && echo folder; test -z "" && echo empty
[ abc = abc -a ! -e none ] && echo both

cat >text <<END
the quick brown fox
jumps over the lazy dog
THE QUICK BROWN FOX
pack my box with five dozen
liquor jugs
the end
END
seq 1 20 >numbers

applet cat; cat text; cat -n text | tail -n 2; cat -A text | head -n 1
applet tac; tac text
applet rev; rev text
applet head; head -n 2 text; head -c 7 text; echo
applet tail; tail -n 2 text; tail -n +5 text; tail -c 4 text
applet wc; wc text; wc -l <text; wc -c <text; wc -w <text
applet cut; cut -d ' ' -f 2 text; cut -c 1-3 text
applet paste; seq 3 >a; seq 4 6 >b; paste a b; paste -s -d, a
applet sort; sort text; sort -r -n numbers | head -n 3; printf 'b 2\na 10\nc 1\n' | sort -k 2 -n; sort -u text text | wc -l
applet uniq; printf 'a\na\nb\na\n' | uniq -c; printf 'a\na\nb\n' | uniq -d
applet tr; tr a-z A-Z <text | head -n 1; tr -d aeiou <text | head -n 1; tr -s 'o ' <text | head -n 1
applet grep; grep -n the text; grep -i -c the text; grep -v o text; grep -o 'q[a-z]*' text; status grep -q none text
applet egrep; egrep '(fox|dog)$' text
applet fgrep; fgrep . text; fgrep 'dog' text
applet sed; sed -e 's/the/a/g' -e 2d text; sed -n '/fox/,/FOX/p' text; sed 's/\(q[a-z]*\) \(.*\)/\2 \1/' text | head -n 1; sed -i s/end/END/ text; tail -n 1 text
applet awk; awk '{ n += NF } END { print n, NR }' text; awk 'BEGIN { printf "%.3f %s\n", 22 / 7, substr("hello", 2, 3) }'; awk '/o/ { c[length($0) % 3]++ } END { for (i = 0; i < 3; i++) print i, c[i] + 0 }' text; seq 10 | awk '{ s += $1 * $1 } END { print s }'
applet seq; seq 3; seq -s, 2 2 10; seq -w 8 11
applet expr; expr 6 \* 7; expr length abc; expr abc : 'a\(.*\)'; status expr 1 = 2
applet bc; echo 'scale=10; 22/7; 2^100' | bc
applet dc; echo '6 7 * p 2 64 ^ p' | dc
applet factor; factor 12 97 1001 18446744073709551557
applet cal; cal 2 2000
applet date; date -u -d '2001-02-03 04:05:06' '+%A %j %s'; date -u -d @0
applet od; od -An -tx1 text | head -n 2; printf 'abc' | od -c
applet hexdump; printf 'hello world 12345' | hexdump -C
applet xxd; printf 'hello' | xxd; printf 'hello' | xxd -p
applet strings; printf '\0\1text here\0ab\0longer text\0' | strings
applet cmp; cp text copy; status cmp text copy; echo x >>copy; status cmp text copy
applet diff; diff text copy; diff -u text copy | tail -n +3; status diff -q a b
applet patch; cp text p1; diff -u text copy >d.patch; patch p1 d.patch; cmp p1 copy && echo patched
applet md5sum; md5sum text; md5sum text | md5sum -c
applet sha1sum; sha1sum text
applet sha256sum; sha256sum text numbers
applet sha512sum; sha512sum text
applet crc32; crc32 text
applet base64; base64 text; base64 text | base64 -d | cmp - text && echo same
applet uuencode; uuencode text name | head -n 3; uuencode text name | uudecode -o - | cmp - text && echo same
applet gzip; gzip -c text | gunzip | cmp - text && echo same; cp text g; gzip g; ls g*; gunzip g.gz; ls g*; gzip -c numbers | zcat | tail -n 1
applet bzip2; bzip2 -c text | bunzip2 | cmp - text && echo same; bzip2 -c text | bzcat | head -n 1
applet tar; mkdir -p dir/sub; echo f >dir/sub/f; ln -s f dir/sub/l; tar cf x.tar dir; tar tf x.tar | sort; mkdir out; tar xf x.tar -C out; find out | sort; tar czf x.tgz dir; tar tzf x.tgz | wc -l
applet cpio; find dir | sort | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null
applet ar; ar -t /dev/null 2>/dev/null; printf '!<arch>\nfile/           0           0     0     644     4         `\ndata' >x.a; ar t x.a; ar p x.a file; echo
applet cp; cp text c1; cp -r dir c2; find c2 | sort; cp -p text c3; cmp text c3 && echo same; cp -a dir/sub/l c4; readlink c4
applet mv; mv c1 moved; ls c1 moved 2>&1; mkdir target; mv moved target; ls target
applet rm; touch r1 r2; rm r1; ls r?; rm -f none; status rm none; rm -r c2; ls -d c2 2>&1
applet ln; ln text hard; ln -s text soft; ln -sf numbers soft; readlink soft; stat -c %h text
applet ls; mkdir lsdir; touch lsdir/b lsdir/a lsdir/.h; ls lsdir; ls -a lsdir; ls -1r lsdir; ls -d lsdir; ls -F . | grep -c /
applet mkdir; mkdir -p m/n/o; mkdir -m 700 m7; stat -c %a m7; status mkdir m
applet rmdir; rmdir -p m/n/o; ls -d m 2>&1; status rmdir dir
applet touch; touch -d '2000-01-02 03:04:05' t1; stat -c %Y t1; touch -r t1 t2; stat -c %Y t2; touch -c none; ls none 2>&1
applet chmod; touch cm; for m in 644 755 4755 a-x u+x,g=rw,o-r 1777; do chmod $m cm; stat -c '%a %A' cm; done
applet stat; printf 12345 >st; stat -c '%s %F %n %a' st; stat -c '%F %n %a' dir; stat -c %F dir/sub/l
applet readlink; readlink dir/sub/l; (cd dir; readlink -f sub/l | sed 's!.*/dir!dir!')
applet realpath; realpath dir/../dir/sub/l | sed 's!.*/dir!dir!'
applet basename; basename /usr/lib/x.so .so; basename a/
applet dirname; dirname /usr/lib/x.so; dirname x
applet find; find dir -type l; find . -name 'nu*'; find dir -newer t1 -type f; find . -maxdepth 1 -size +1k -type f | sort | head -n 2; find dir -exec echo {} + | wc -w; find dir -perm 755 | sort
applet xargs; seq 6 | xargs -n 2 echo x; printf 'a b\0c\0' | xargs -0 -n 1 echo; echo 1 2 | xargs -I{} echo '<{}>'
applet tee; echo tee | tee t.1 t.2; cat t.1 t.2
applet dd; dd if=numbers bs=4 skip=1 count=2 2>/dev/null; echo; dd if=/dev/zero bs=1k count=4 2>/dev/null | wc -c; printf abcdef >ddf; printf XY | dd of=ddf bs=1 seek=2 conv=notrunc 2>/dev/null; cat ddf; echo; printf 'ab\n' | dd conv=ucase 2>/dev/null
applet truncate; truncate -s 100 tr; wc -c <tr; truncate -s 5 tr; wc -c <tr
applet mkfifo; mkfifo ff; (echo through >ff) & cat ff; wait; stat -c %F ff
applet mktemp; m=$(mktemp ./tmp.XXXXXX); [ -f "$m" ] && echo ${#m}; m=$(mktemp -d ./tmp.XXXXXX); [ -d "$m" ] && echo dir
applet fold; fold -w 10 text | head -n 3; fold -s -w 12 text | head -n 3
applet expand; printf 'a\tb\n' | expand; printf 'a       b\n' | unexpand -a | od -An -c
applet nl; nl text | head -n 2
applet shuf; seq 10 | shuf | sort -n | tr '\n' ' '; echo
applet unix2dos; printf 'a\nb\n' >u; unix2dos u; od -An -c u; dos2unix u; od -An -c u
applet env; env -i A=1 B=2 env | sort; A=x sh -c 'echo $A'
applet which; which sh | sed 's!.*/!!'
applet id; id -u nobody; id -un nobody
applet whoami; [ "$(whoami)" = "$(id -un)" ] && echo same
applet pwd; (cd dir && pwd | sed 's!.*/!!')
applet sleep; sleep 0.01; echo slept
applet time; time -p true 2>&1 | sed 's/[0-9].*//'
applet timeout; status timeout 5 true; timeout 0.1 sleep 5; echo $?
applet kill; sleep 5 & kill $!; wait $! 2>/dev/null; echo $?; kill -l 15
applet usleep; usleep 10; echo ok
applet start-stop-daemon; echo 99999999 >pid; start-stop-daemon -S -p pid -a "$(which sh)" -- -c 'echo started'
applet setsid; setsid sh -c 'echo own session'
applet yes; yes hello | head -n 3
applet more; more text </dev/null | head -n 2
applet less; less text </dev/null | head -n 2
applet ed; printf 's/quick/slow/\n1p\nq\n' | ed -s text 2>/dev/null | head -n 3; printf '1p\nQ\n' | ed text
applet nproc; [ "$(nproc)" -ge 1 ] && echo at least one
applet uname; uname -m
applet hostid; [ -n "$(hostid)" ] && echo some
applet du; mkdir dud; dd if=/dev/zero of=dud/f bs=1k count=64 2>/dev/null; [ "$(du -sk dud | cut -f 1)" -ge 64 ] && echo enough
applet df; df -k /proc >/dev/null 2>&1; df -P / 2>/dev/null | head -n 1 | cut -c 1-10
applet sync; status sync
applet unlink; touch ul; unlink ul; ls ul 2>&1
applet shred; echo secret >sh.f; shred -u sh.f; ls sh.f 2>&1
applet getopt; getopt -o ab: -l long -- -a -b x --long rest
applet run-parts; mkdir rp; printf '#!/bin/sh\necho part\n' >rp/one; chmod +x rp/one; run-parts rp
applet sha3sum; sha3sum text
applet ascii; ascii | head -n 3
applet ts; echo line | ts '' | sed 's/^ *//'
applet tty; tty </dev/null; echo $?
applet stty; stty </dev/null 2>&1 | sed 's/^[^:]*: //'
applet mkpasswd; mkpasswd -m sha512 -S saltsalt secret; mkpasswd -m md5 -S saltsalt secret
