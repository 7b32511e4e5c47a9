package inspecting

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/contrib/configfile"
)

const (
	maxTokenFile = 4 << 10 // bytes
	minToken     = 16      // characters, of which an attacker would have to guess all
)

// readToken returns the token in a file: its content without the white space around it. The
// file must be a regular file that users other than its owner and group can neither read nor write.
func readToken(path string) (string, error) {
	text, info, err := configfile.Read(path, maxTokenFile)
	if err != nil {
		return "", fmt.Errorf("token_file: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("token_file %s: any user can read it: chmod 600 it", path)
	}
	token := bytes.TrimSpace(text)
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("token_file %s: %w", path, err)
	}
	return string(token), nil
}

func checkToken(token []byte) error {
	switch {
	case len(token) < minToken:
		return fmt.Errorf("the token has %d characters: want %d at least, such as those of \"openssl rand -hex 16\"", len(token), minToken)
	case bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the token has characters other than printable ASCII, or spaces")
	}
	return nil
}
