package query

import "testing"

// A query prints with canonical spelling, and with parentheses only where they mean something.
func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"select top 0x10 DEVICEID as id,count() as n from DEVICES group by devices.DeviceId": "SELECT TOP 16 deviceId AS id, COUNT() AS n FROM devices GROUP BY deviceId",
		"SELECT devices.modules.tags.a AS a, tags.b AS c FROM devices.modules":               "SELECT tags.a, tags.b AS c FROM devices.modules",
		"SELECT tags['a b']['c'] AS x, tags.select AS left FROM devices":                     "SELECT tags['a b'].c AS x, tags.select AS left FROM devices",
		"SELECT devices.from, devices['it\\'s'] FROM devices":                                "SELECT devices.from, devices['it\\'s'] FROM devices",
		"SELECT status, version FROM devices GROUP BY version,status":                        "SELECT status, version FROM devices GROUP BY version, status",
	} {
		checkString(t, Parse, text, want)
	}
	for text, want := range map[string]string{
		"((a = 1)) and (not (b <> 2))":                        "a = 1 AND NOT b != 2",
		"(a AND b) AND c AND (d OR e)":                        "(a AND b) AND c AND (d OR e)",
		"(a AND b) OR c OR (d OR e)":                          "a AND b OR c OR (d OR e)",
		"NOT (a AND b)":                                       "NOT (a AND b)",
		"NOT NOT (a)":                                         "NOT NOT a",
		"1 - (2 - 3) - 4 = (5)":                               "1 - (2 - 3) - 4 = 5",
		"(1 + 2) * 3 % (4 * 5) = - (6 + a)":                   "(1 + 2) * 3 % (4 * 5) = -(6 + a)",
		"- - a = --1":                                         "--a = 1",
		"(a = 1) = (b IN [1])":                                "(a = 1) = (b IN [1])",
		"a + 1 nin [\"x\",-1,null,undefined,TRUE]":            "a + 1 NIN ['x', -1, null, undefined, true]",
		"is_defined(tags['a']) OR startswith((a),1+1)":        "IS_DEFINED(tags.a) OR STARTSWITH(a, 1 + 1)",
		"a = \"it's \\\"so\\\" \\u0041\\u000a \\\\\"":         `a = 'it\'s "so" A\u000A \\'`,
		"a = 1e21 OR a = 0.5 OR a = 100000000000000000000000": "a = 1e+21 OR a = 0.5 OR a = 1e+23",
	} {
		checkString(t, ParseCondition, text, "SELECT * FROM devices WHERE "+want)
	}
}

func checkString(t *testing.T, parse func(string, Options) (*Query, error), text, want string) {
	t.Helper()
	q, err := parse(text, Options{})
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if got := q.String(); got != want {
		t.Errorf("%s\ngot:  %s\nwant: %s", text, got, want)
	}
	checkRoundTrip(t, q, Options{})
}
