package simulator

import (
	"fmt"
	"strings"
	"testing"
)

const bulkOK = `{"isSuccessful":true,"errors":[],"warnings":[]}`

// failures is a bulk answer with these errors: "device code operation[ module]".
func failures(list ...string) string {
	var errors []string
	for _, f := range list {
		parts := append(strings.Split(f, "|"), "")
		errors = append(errors, fmt.Sprintf(`{"deviceId":%q,"errorCode":%s,"errorStatus":"TEXT","moduleId":%q,"operation":%q}`, parts[0], parts[1], parts[3], parts[2]))
	}
	return `{"isSuccessful":false,"errors":[` + strings.Join(errors, ",") + `],"warnings":[]}`
}

func withoutTexts(body string) string {
	parts := strings.Split(body, `"errorStatus":"`)
	for i := 1; i < len(parts); i++ {
		_, rest, _ := strings.Cut(parts[i], `"`)
		parts[i] = `TEXT"` + rest
	}
	return strings.Join(parts, `"errorStatus":"`)
}

func (c *caller) bulk(status int, want, body string) {
	c.Helper()
	got := c.do("POST", "/devices", body)
	if name := got.header.Get("iothub-errorcode"); got.status != status || withoutTexts(got.body) != want || (status == 400) != (name == "BulkRegistryOperationFailure") {
		c.Errorf("%s\n got %d %s %s\nwant %d %s", body, got.status, name, got.body, status, want)
	}
}

// Each import mode, spelled as SDKs do, on what exists, what does not, and what has another etag.
func TestBulkModes(t *testing.T) {
	c := newCaller(t, Config{})
	etag := func(id string) string { return strings.Trim(c.do("GET", "/devices/"+id, "").header.Get("ETag"), `"`) }
	twinETag := func(id string) string { return c.do("GET", "/twins/"+id, "").header.Get("ETag") }

	c.bulk(200, bulkOK, `[{"id":"a","importMode":"create","status":"disabled","statusReason":"new","capabilities":{"iotEdge":true},"tags":{"t":1},"properties":{"desired":{"d":2}}},{"id":"b","importMode":"CREATE"}]`)
	if got := c.do("GET", "/twins/a", "").body; !strings.Contains(got, `"status":"disabled","statusReason":"new"`) || !strings.Contains(got, `"tags":{"t":1}`) || !strings.Contains(got, `"d":2`) {
		t.Errorf("after create: %s", got)
	}
	c.bulk(400, failures("a|409001|create"), `[{"id":"a","importMode":"create"},{"id":"c","importMode":"create"}]`)
	c.want(c.do("GET", "/statistics/devices", ""), 200, `{"disabledDeviceCount":1,"enabledDeviceCount":4,"totalDeviceCount":5}`)

	c.bulk(200, bulkOK, `[{"id":"a","importMode":"Update","status":"enabled","tags":{"u":3}}]`)
	if got := c.do("GET", "/twins/a", "").body; !strings.Contains(got, `"status":"enabled","statusUpdateTime"`) || !strings.Contains(got, `"tags":{"t":1,"u":3}`) {
		t.Errorf("after update: %s", got)
	}
	c.bulk(400, failures("x|404001|update"), `[{"id":"x","importMode":"update"}]`)
	c.bulk(400, failures("a|412001|UpdateIfMatchETag", "b|412001|updateIfMatchETag"), `[{"id":"a","importMode":"UpdateIfMatchETag","eTag":"old"},{"id":"b","importMode":"updateIfMatchETag"}]`)
	c.bulk(200, bulkOK, `[{"id":"a","importMode":"UpdateIfMatchETag","eTag":"`+etag("a")+`"},{"id":"b","importMode":"updateIfMatchETag","eTag":"*"}]`)

	c.bulk(200, bulkOK, `[{"id":"a","importMode":"createOrUpdate"},{"id":"d","importMode":"createorupdate"},{"id":"e"}]`)
	c.bulk(400, failures("a|412001|createOrUpdateIfMatchETag"), `[{"id":"a","importMode":"createOrUpdateIfMatchETag","eTag":"old"},{"id":"f","importMode":"createOrUpdateIfMatchETag"}]`)

	c.bulk(200, bulkOK, `[{"id":"a","importMode":"updateTwin","tags":{"t":null},"properties":{"desired":{"d":{"x":1}},"reported":{"no":1}}}]`)
	if got := c.do("GET", "/twins/a", "").body; !strings.Contains(got, `"tags":{"u":3}`) || !strings.Contains(got, `"d":{"x":1}`) || strings.Contains(got, `"no"`) {
		t.Errorf("after updateTwin: %s", got)
	}
	c.bulk(400, failures("a|412001|updateTwinIfMatchETag", "b|412001|updateTwinIfMatchETag"), `[{"id":"a","importMode":"updateTwinIfMatchETag","twinETag":"old","tags":{}},{"id":"b","importMode":"updateTwinIfMatchETag","tags":{}}]`)
	c.bulk(200, bulkOK, `[{"id":"a","importMode":"updateTwinIfMatchETag","twinETag":`+twinETag("a")+`,"tags":{}}]`)
	c.bulk(400, failures("a|400004|updateTwin", "x|404001|updateTwin"), `[{"id":"a","importMode":"updateTwin"},{"id":"x","importMode":"updateTwin","tags":{}}]`)

	c.bulk(400, failures("a|412001|deleteIfMatchETag", "b|412001|deleteIfMatchETag", "x|404001|delete"), `[{"id":"a","importMode":"deleteIfMatchETag","eTag":"old"},{"id":"b","importMode":"deleteIfMatchETag"},{"id":"x","importMode":"delete"},{"id":"c","importMode":"Delete"}]`)
	c.bulk(200, bulkOK, `[{"id":"a","importMode":"DeleteIfMatchETag","eTag":"`+etag("a")+`"},{"id":"b","importMode":"delete","eTag":"old"}]`)
	if got := fmt.Sprint(c.hub.Devices()); got != "[d dev-1 dev-2 e f]" {
		t.Errorf("devices %s", got)
	}
}

func TestBulkModules(t *testing.T) {
	c := newCaller(t, Config{})
	c.bulk(400, failures("x|404001|create|m"), `[{"id":"dev-1","moduleId":"m","importMode":"create","managedBy":"IotEdge","tags":{"a":1}},{"id":"dev-1","importMode":"update"},{"id":"x","moduleId":"m","importMode":"create"}]`)
	c.bulk(400, failures("dev-1|409301|create|m", "dev-1|404010|delete|n", "dev-1|404010|updateTwin|o"), `[{"id":"dev-1","moduleId":"m","importMode":"create"},{"id":"dev-1","moduleId":"n","importMode":"delete"},{"id":"dev-1","moduleId":"o","importMode":"updateTwin","tags":{}}]`)
	if got := c.do("GET", "/twins/dev-1/modules/m", "").body; !strings.Contains(got, `"tags":{"a":1}`) {
		t.Errorf("the module's twin: %s", got)
	}
	c.bulk(200, bulkOK, `[{"id":"dev-1","moduleId":"m","importMode":"delete"}]`)
	c.wantError(c.do("GET", "/twins/dev-1/modules/m", ""), 404, "ModuleNotFound", 404010)
	c.want(c.do("GET", "/statistics/devices", ""), 200, `{"disabledDeviceCount":0,"enabledDeviceCount":2,"totalDeviceCount":2}`)
}

// An item that cannot be fails by itself; what is no list fails whole.
func TestBulkRefuses(t *testing.T) {
	c := newCaller(t, Config{})
	many := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{"id":"m-%d","importMode":"create"}`, i)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	for _, body := range []string{"", "null", "{}", "[]", `"x"`, "5", "[", `[{"id":"z"}`, many(101), strings.Repeat("[", 1000), "[" + strings.Repeat(" ", maxBody) + "]"} {
		c.wantError(c.do("POST", "/devices", body), 400, "ArgumentInvalid", 400004)
	}
	c.bulk(200, bulkOK, many(100))
	c.bulk(400, failures("|400004|", "|400004|", "|400004|", "|400004|createOrUpdate", "|400004|createOrUpdate", "a;b|400004|createOrUpdate", "c|400004|up;date", "d|400004|create", "e|400004|create", "f|400004|create", "g|400004|create", "a/b|404001|delete", "h|400004|create"),
		`[5,[],"x",null,{},{"id":"a;b"},{"id":"c","importMode":"up;date"},{"id":"d","importMode":"create","status":"on"},{"id":"e","importMode":"create","tags":{"a b":1}},`+
			`{"id":"f","importMode":"create","properties":[]},{"id":"g","importMode":"create","authentication":{"symmetricKey":{"primaryKey":"AAAA"}}},{"id":"a/b","importMode":"delete"},`+
			`{"id":"h","importMode":"create","tags":{"a":"`+strings.Repeat("x", 4097)+`"}},{"id":"fine","importMode":"create"}]`)
	c.bulk(400, failures("t|400011|create", "t|400011|delete"), `[{"id":"t","importMode":"create"},{"id":"u","importMode":"create"},{"id":"t","importMode":"delete"}]`)
	for _, id := range []string{"d", "e", "f", "g", "h", "t"} {
		c.wantError(c.do("GET", "/devices/"+id, ""), 404, "DeviceNotFound", 404001)
	}
	for _, id := range []string{"fine", "u", "m-99"} {
		if got := c.do("GET", "/devices/"+id, ""); got.status != 200 {
			t.Errorf("%s: %+v", id, got)
		}
	}
	before := c.do("GET", "/devices/fine", "").body
	c.bulk(400, failures("fine|400004|update"), `[{"id":"fine","importMode":"update","status":"disabled","tags":{"a b":1}}]`)
	big := string(encodeJSON(big(33000)))
	c.bulk(400, failures("fine|403100|update"), `[{"id":"fine","importMode":"update","status":"disabled","properties":{"desired":`+big+`}}]`)
	if after := c.do("GET", "/devices/fine", "").body; after != before {
		t.Errorf("a write that failed has changed %s\nto %s", before, after)
	}
}
