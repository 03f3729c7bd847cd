# Reads registry-pins.txt as a strict cleaner does: type/name==version, sorted,
# unique, one per line, each line with a line feed, and nothing else. Only the
# version of a chart of a classic Helm repository has a plus.
BEGIN { RS = "\n" }
{
	count = split($0, half, "==")
	if (count != 2) fail("not name==version")
	if (half[1] !~ /^[a-z0-9]+\/[a-z0-9][a-z0-9._\/-]*$/) fail("not type/name")
	plus = half[1] ~ /^helm\// ? "+" : ""
	if (half[2] !~ "^[A-Za-z0-9_][A-Za-z0-9._" plus "-]*$") fail("not a version")
	if (NR > 1 && $0 "" <= previous "") fail("not sorted or not unique")
	previous = $0
}
function fail(reason) { print "line " NR ": " reason ": " $0; failed = 1; exit 1 }
