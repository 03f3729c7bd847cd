package sandbox

import (
	"encoding/binary"
	"fmt"
	"io"
)

// frameHeader is the size of a frame's length, in bytes.
const frameHeader = 4

// writeFrame writes a message behind its length.
func writeFrame(w io.Writer, message []byte) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(message)))); err != nil {
		return err
	}
	_, err := w.Write(message)
	return err
}

// readFrame reads a message of so many bytes at most. At the end of the input it returns io.EOF.
func readFrame(r io.Reader, most int) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if int64(length) > int64(most) {
		return nil, fmt.Errorf("%w: %d bytes, want %d at most", errTooLarge, length, most)
	}
	message := make([]byte, length)
	_, err := io.ReadFull(r, message)
	return message, err
}
