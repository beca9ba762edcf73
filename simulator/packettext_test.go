package simulator

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

// How packets stand in testdata/conversations, and back:
//
//	CONNECT client=D user=U password=P clean=0 keepalive=180 [level=4] [will=TOPIC willqos=1 willretain=0 willbody=TEXT]
//	CONNACK 0 present=0
//	SUBSCRIBE id=1 FILTER QOS [FILTER QOS]…     SUBACK id=1 QOS…
//	UNSUBSCRIBE id=1 FILTER…                    UNSUBACK id=1
//	PUBLISH [qos=1 id=7] [dup=1] [retain=1] TOPIC [BODY]
//	PUBACK id=7   PINGREQ   PINGRESP   DISCONNECT
//	RAW 10 ff ff …                              bytes that are no packet
//
// A value with blanks is quoted as in Go, and so is a body that begins with a quote.

// words takes the text of a packet apart: attributes, then all else.
type words struct {
	rest  string
	attrs map[string]string
}

var attribute = regexp.MustCompile(`^([a-z]+)=`)

func wordsOf(text string) (*words, error) {
	w := &words{rest: text, attrs: map[string]string{}}
	for m := attribute.FindStringSubmatch(w.rest); m != nil; m = attribute.FindStringSubmatch(w.rest) {
		w.rest = w.rest[len(m[0]):]
		value, err := w.value()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m[1], err)
		}
		w.attrs[m[1]] = value
	}
	return w, nil
}

// value takes one value from the front.
func (w *words) value() (string, error) {
	if strings.HasPrefix(w.rest, `"`) {
		q, err := strconv.QuotedPrefix(w.rest)
		if err != nil {
			return "", err
		}
		w.rest = strings.TrimPrefix(w.rest[len(q):], " ")
		return strconv.Unquote(q)
	}
	v, rest, _ := strings.Cut(w.rest, " ")
	w.rest = rest
	return v, nil
}

func (w *words) number(name string, otherwise int) int {
	text, given := w.attrs[name]
	if !given {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("%s=%s is no number", name, text))
	}
	return n
}

// packetBytes are the bytes of a packet's text.
func packetBytes(text string) ([]byte, error) {
	name, rest, _ := strings.Cut(text, " ")
	if name == "RAW" {
		return hexBytes(rest)
	}
	w, err := wordsOf(rest)
	if err != nil {
		return nil, err
	}
	p, err := packetOf(name, w)
	if err != nil {
		return nil, err
	}
	return wire.AppendPacket(nil, p), nil
}

func hexBytes(text string) ([]byte, error) {
	var b []byte
	for _, f := range strings.Fields(text) {
		n, err := strconv.ParseUint(f, 16, 8)
		if err != nil {
			return nil, err
		}
		b = append(b, byte(n))
	}
	return b, nil
}

func packetOf(name string, w *words) (packets.ControlPacket, error) {
	id := uint16(w.number("id", 0))
	switch name {
	case "CONNECT":
		return connectOf(w), nil
	case "PUBLISH":
		return publishOf(w, id)
	case "SUBSCRIBE":
		p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
		p.MessageID = id
		for fields := strings.Fields(w.rest); len(fields) >= 2; fields = fields[2:] {
			p.Topics, p.Qoss = append(p.Topics, fields[0]), append(p.Qoss, fields[1][0]-'0')
		}
		return p, nil
	case "UNSUBSCRIBE":
		p := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
		p.MessageID, p.Topics = id, strings.Fields(w.rest)
		return p, nil
	case "PUBACK":
		p := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		p.MessageID = id
		return p, nil
	case "PINGREQ":
		return packets.NewControlPacket(packets.Pingreq), nil
	case "DISCONNECT":
		return packets.NewControlPacket(packets.Disconnect), nil
	}
	return nil, errors.New("a device sends no " + name)
}

func connectOf(w *words) packets.ControlPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion = "MQTT", byte(w.number("level", 4))
	p.ClientIdentifier = w.attrs["client"]
	p.Username, p.UsernameFlag = w.attrs["user"]
	password, has := w.attrs["password"]
	p.Password, p.PasswordFlag = []byte(password), has
	p.CleanSession = w.number("clean", 1) == 1
	p.Keepalive = uint16(w.number("keepalive", 60))
	p.WillTopic, p.WillFlag = w.attrs["will"]
	p.WillQos, p.WillRetain, p.WillMessage = byte(w.number("willqos", 0)), w.number("willretain", 0) == 1, []byte(w.attrs["willbody"])
	return p
}

func publishOf(w *words, id uint16) (packets.ControlPacket, error) {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.Qos, p.MessageID, p.Dup, p.Retain = byte(w.number("qos", 0)), id, w.number("dup", 0) == 1, w.number("retain", 0) == 1
	p.TopicName, w.rest, _ = strings.Cut(w.rest, " ")
	if !strings.HasPrefix(w.rest, `"`) {
		p.Payload = []byte(w.rest)
		return p, nil
	}
	body, err := strconv.Unquote(w.rest)
	p.Payload = []byte(body)
	return p, err
}

// textOf prints a packet that a hub sends.
func textOf(p packets.ControlPacket) string {
	switch p := p.(type) {
	case *packets.ConnackPacket:
		return fmt.Sprintf("CONNACK %d present=%d", p.ReturnCode, bit(p.SessionPresent))
	case *packets.SubackPacket:
		return fmt.Sprintf("SUBACK id=%d %s", p.MessageID, strings.Trim(fmt.Sprint(p.ReturnCodes), "[]"))
	case *packets.UnsubackPacket:
		return fmt.Sprintf("UNSUBACK id=%d", p.MessageID)
	case *packets.PubackPacket:
		return fmt.Sprintf("PUBACK id=%d", p.MessageID)
	case *packets.PingrespPacket:
		return "PINGRESP"
	case *packets.PublishPacket:
		return publishText(p)
	}
	return fmt.Sprintf("%T", p)
}

func publishText(p *packets.PublishPacket) string {
	text := "PUBLISH "
	if p.Qos > 0 {
		text += fmt.Sprintf("qos=%d id=%d ", p.Qos, p.MessageID)
	}
	if p.Dup {
		text += "dup=1 "
	}
	if p.Retain {
		text += "retain=1 "
	}
	text += p.TopicName
	switch body := string(p.Payload); {
	case body == "":
		return text
	case body[0] == '"' || body[0] == ' ' || strconv.Quote(body) != `"`+strings.ReplaceAll(body, `"`, `\"`)+`"`:
		return text + " " + strconv.Quote(body)
	default:
		return text + " " + body
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
