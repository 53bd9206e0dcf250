package envelope

import (
	"errors"
	"fmt"
)

var (
	// ErrEnvelope is the error of Open: bytes that no envelope of this
	// configuration has sealed for these additional data, or that were damaged.
	// Its reader goes on as if there had been no entry.
	ErrEnvelope = errors.New("entcache: sealed result can't be opened; read the database instead")
	// ErrTooLarge is the error of Seal: the payload is longer than MaxSize.
	ErrTooLarge = errors.New("entcache: result too large to seal; keep it in the process, or raise envelope.MaxSize in every process")
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrEnvelope, fmt.Sprintf(format, args...))
}
