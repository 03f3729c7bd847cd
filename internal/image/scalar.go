package image

import (
	"encoding/json"
	"strconv"
	"strings"
)

// scalar is a value as a chart's template prints it, but for the exponent of a number
// that Helm prints with one; absent and null are empty. It reports false for a list or an
// object.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(value), true
	case json.Number:
		return number(value), true
	case int64: // what Helm's --set syntax makes of digits
		return strconv.FormatInt(value, 10), true
	case bool:
		return strconv.FormatBool(value), true
	default:
		return "", false
	}
}

// number is a number without what a floating-point number does not keep of it: 1.1 for
// 1.10, 1000 for 1e3. Digits alone are what was written.
func number(n json.Number) string {
	f, err := n.Float64()
	if err != nil || strings.Trim(n.String(), "0123456789") == "" {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
