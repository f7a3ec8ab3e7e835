package sever

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxMessage is above the largest unit of work that a test commits.
	maxMessage = 64 << 20
	lengthSize = 4
)

// message is one message of PostgreSQL's protocol, as it was sent; kind is 0 for
// the first one of a connection, which has none.
type message struct {
	kind byte
	raw  []byte
}

func (m message) body() []byte {
	if m.kind == 0 {
		return m.raw[lengthSize:]
	}
	return m.raw[1+lengthSize:]
}

func readMessage(from io.Reader, first bool) (m message, err error) {
	head := make([]byte, 1+lengthSize)
	if first {
		head = head[1:]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return m, err
	}
	length := binary.BigEndian.Uint32(head[len(head)-lengthSize:])
	if length < lengthSize || length > maxMessage {
		return m, fmt.Errorf("message of %d bytes", length)
	}
	if !first {
		m.kind = head[0]
	}
	m.raw = make([]byte, len(head)-lengthSize+int(length))
	_, err = io.ReadFull(from, m.raw[copy(m.raw, head):])
	return m, err
}

// asksForEncryption tells whether a first message asks to speak TLS or GSSAPI.
func asksForEncryption(m message) bool {
	const tls, gssapi = 80877103, 80877104
	if len(m.body()) < lengthSize {
		return false
	}
	code := binary.BigEndian.Uint32(m.body())
	return code == tls || code == gssapi
}

// statements knows which of a client's prepared statements are COMMIT.
type statements map[string]bool

// commits tells whether a message makes the server commit.
func (s statements) commits(m message) bool {
	switch m.kind {
	case 'Q':
		text, _ := cString(m.body())
		return isCommit(text)
	case 'P': // Parse: name, text
		name, rest := cString(m.body())
		text, _ := cString(rest)
		s[name] = isCommit(text)
	case 'B': // Bind: portal, name
		_, rest := cString(m.body())
		name, _ := cString(rest)
		return s[name]
	}
	return false
}

func isCommit(text string) bool {
	return strings.EqualFold(strings.TrimRight(strings.TrimSpace(text), ";"), "commit")
}

// committed tells whether a message is the server's answer to COMMIT.
func committed(m message) bool {
	tag, _ := cString(m.body())
	return m.kind == 'C' && tag == "COMMIT"
}

func cString(b []byte) (text string, rest []byte) {
	text0, rest, _ := bytes.Cut(b, []byte{0})
	return string(text0), rest
}

var errSevered = errors.New("severed")
