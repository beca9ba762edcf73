package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A Reader is where packets are read from: bytes first, then whole bodies.
type Reader interface {
	io.Reader
	io.ByteReader
}

// ReadPacket reads one MQTT 3.1.1 packet of at most limit bytes after its fixed header. Nothing is
// allocated for a packet that says it is larger. Paho's codec fills the fields of a packet
// that is cut short with zeros; here that is an error, as are wrong flags and bytes left over. Of a
// CONNECT in a newer version of MQTT only name and level of the protocol count.
func ReadPacket(r Reader, limit int) (packets.ControlPacket, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	length, err := readLength(r)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, fmt.Errorf("a packet of %d bytes is over the limit of %d", length, limit)
	}
	h := packets.FixedHeader{
		MessageType: first >> 4, Dup: first&8 != 0, Qos: first >> 1 & 3, Retain: first&1 != 0, RemainingLength: length,
	}
	if err := checkFlags(h, first&15); err != nil {
		return nil, err
	}
	if h.MessageType == packets.Publish {
		return readPublish(r, h)
	}
	p, err := packets.NewControlPacketWithHeader(h)
	if err != nil {
		return nil, err
	}
	return p, readBody(r, p, length)
}

// readPublish reads what most packets are without paho's copies: the payload lies in the bytes that were read.
func readPublish(r io.Reader, h packets.FixedHeader) (packets.ControlPacket, error) {
	body := make([]byte, h.RemainingLength)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, unexpected(err)
	}
	p := &packets.PublishPacket{FixedHeader: h}
	topic, rest, ok := cut16(body)
	if ok && h.Qos > 0 {
		if ok = len(rest) >= 2; ok {
			p.MessageID, rest = binary.BigEndian.Uint16(rest), rest[2:]
		}
	}
	if !ok {
		return nil, errors.New("malformed packet: a publish that is cut short")
	}
	p.TopicName, p.Payload = string(topic), rest
	return p, checkFields(p, h.RemainingLength)
}

// cut16 takes a field off that has its length in front.
func cut16(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b)) + 2
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

func readLength(r io.ByteReader) (int, error) {
	length := 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		length |= int(b&127) << shift
		if b < 128 {
			return length, nil
		}
	}
	return 0, errors.New("a packet's length has more than four bytes")
}

func checkFlags(h packets.FixedHeader, flags byte) error {
	want := byte(0)
	switch h.MessageType {
	case packets.Publish:
		if h.Qos == 3 {
			return errors.New("a publish with QoS 3")
		}
		return nil
	case packets.Pubrel, packets.Subscribe, packets.Unsubscribe:
		want = 2
	}
	if flags != want {
		return fmt.Errorf("packet type %d with flags %d", h.MessageType, flags)
	}
	return nil
}

func readBody(r io.Reader, p packets.ControlPacket, length int) error {
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return unexpected(err)
	}
	exact := &exactReader{rest: body}
	err := p.Unpack(exact)
	if c, ok := p.(*packets.ConnectPacket); ok && c.ProtocolName == "MQTT" && c.ProtocolVersion > 4 {
		return nil // the rest is of that version; its sender is to be told which one to use
	}
	if err != nil {
		return fmt.Errorf("malformed packet: %w", err)
	}
	if len(exact.rest) > 0 {
		return errors.New("malformed packet: bytes left over")
	}
	return checkFields(p, length)
}

// exactReader gives all that is asked for, or an error. bytes.Buffer would give less and no error.
type exactReader struct{ rest []byte }

func (r *exactReader) Read(b []byte) (int, error) {
	if len(b) > len(r.rest) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func checkFields(p packets.ControlPacket, length int) error {
	switch p := p.(type) {
	case *packets.PublishPacket:
		if p.Qos > 0 && p.MessageID == 0 || !utf8.ValidString(p.TopicName) {
			return errors.New("malformed packet: publish without packet id, or with a topic that is no UTF-8")
		}
		return CheckTopic(p.TopicName)
	case *packets.SubscribePacket:
		if p.MessageID == 0 || len(p.Topics) == 0 || slices.Max(p.Qoss) > 2 {
			return errors.New("malformed packet: subscribe without packet id or filter, or with a QoS above 2")
		}
	case *packets.UnsubscribePacket:
		// paho stops at an empty or broken filter without an error
		size := 2
		for _, t := range p.Topics {
			size += 2 + len(t)
		}
		if p.MessageID == 0 || len(p.Topics) == 0 || size != length {
			return errors.New("malformed packet: unsubscribe without packet id, or with a broken filter")
		}
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// AppendPuback appends the acknowledgement of a publish at QoS 1.
func AppendPuback(b []byte, packet uint16) []byte {
	return append(b, packets.Puback<<4, 2, byte(packet>>8), byte(packet))
}

// AppendPacket appends the bytes of a packet to b.
func AppendPacket(b []byte, p packets.ControlPacket) []byte {
	buf := bytes.NewBuffer(b)
	if err := p.Write(buf); err != nil {
		panic(err) // a buffer takes everything
	}
	return buf.Bytes()
}
