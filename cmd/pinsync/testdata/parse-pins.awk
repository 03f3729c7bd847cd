# Reads registry-pins.txt as a strict cleaner does: type/name==version, sorted,
# unique, one a line, each line ended, and nothing else.
BEGIN { RS = "\n" }
{
	count = split($0, half, "==")
	if (count != 2) fail("not name==version")
	if (half[1] !~ /^[a-z0-9]+\/[a-z0-9][a-z0-9._\/-]*$/) fail("not type/name")
	if (half[2] !~ /^[A-Za-z0-9_][A-Za-z0-9._-]*$/) fail("not a version")
	if (NR > 1 && $0 "" <= previous "") fail("not sorted or not unique")
	previous = $0
}
function fail(why) { print "line " NR ": " why ": " $0; failed = 1; exit 1 }
