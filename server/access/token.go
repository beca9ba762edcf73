package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// A Token is one of the configuration: who has it, and what it lets them do. The configuration knows its hash only.
type Token struct {
	Name  string
	Hash  string // as NewToken gives it
	Roles []string
}

// tokenPrefix lets scanners for lost secrets find our tokens: twb_[a-z2-7]{58}.
const tokenPrefix = "twb_"

const hashPrefix = "sha256:"

// tokenLetters has no upper case, and nothing that ends a word: a double click selects a whole token.
var tokenLetters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a token, and the hash of it that belongs into the configuration. It has 256 random bits, which nobody guesses however
// fast the hash is: what slow hashes protect are passwords that people think up, which are not accepted. The last bits are a checksum, by which scanners
// and we tell a token from something that looks like one.
func NewToken() (token, hash string) {
	secret := make([]byte, 32, 36)
	rand.Read(secret) // it never fails: see crypto/rand
	secret = binary.BigEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret))
	token = tokenPrefix + tokenLetters.EncodeToString(secret)
	return token, Hash(token)
}

// Hash is what the configuration keeps of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// whole says whether a text has the form of a token, to its last character.
func whole(token string) bool {
	secret, err := tokenLetters.DecodeString(strings.TrimPrefix(token, tokenPrefix))
	if err != nil || len(secret) != 36 || !strings.HasPrefix(token, tokenPrefix) {
		return false
	}
	return crc32.ChecksumIEEE(secret[:32]) == binary.BigEndian.Uint32(secret[32:])
}

// parseHash reads a hash of the configuration.
func parseHash(text string) (sum [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	decoded, err := hex.DecodeString(digits)
	switch {
	case strings.HasPrefix(text, tokenPrefix):
		return sum, errors.New("this is the token itself, which must not stand in a file: make a new one with `twinbook serve token NAME`, and write down its hash")
	case !ok || err != nil || len(decoded) != len(sum):
		return sum, errors.New("a hash is sha256: and 64 hexadecimal digits, as `twinbook serve token NAME` prints it")
	}
	return [sha256.Size]byte(decoded), nil
}

// A tokenRing finds the holder of a token.
type tokenRing struct {
	sums    [][sha256.Size]byte
	holders []Identity
}

func newTokenRing(tokens []Token) (tokenRing, error) {
	var ring tokenRing
	names, sums := map[string]bool{}, map[[sha256.Size]byte]string{}
	for i, t := range tokens {
		sum, err := parseHash(t.Hash)
		switch {
		case t.Name == "":
			return ring, fmt.Errorf("token %d has no name", i+1)
		case err != nil:
			return ring, fmt.Errorf("token %s: %w", t.Name, err)
		case names[t.Name]:
			return ring, fmt.Errorf("two tokens are named %s, and the audit trail could not tell them apart", t.Name)
		case sums[sum] != "":
			return ring, fmt.Errorf("the tokens %s and %s have the same hash", sums[sum], t.Name)
		case len(t.Roles) == 0:
			return ring, fmt.Errorf("token %s has no roles, so it could do nothing: give it viewer, operator or admin", t.Name)
		}
		names[t.Name], sums[sum] = true, t.Name
		ring.sums = append(ring.sums, sum)
		ring.holders = append(ring.holders, Identity{Name: t.Name, Roles: t.Roles, How: ByToken})
	}
	return ring, nil
}

// find gives who holds a token. It compares with every hash to its end, whichever it is: how long it takes says
// how many tokens there are, and nothing else.
func (r tokenRing) find(token string) (Identity, bool) {
	sum := sha256.Sum256([]byte(token))
	found := 0
	for i := range r.sums {
		same := subtle.ConstantTimeCompare(sum[:], r.sums[i][:])
		found = subtle.ConstantTimeSelect(same, i+1, found)
	}
	if found == 0 {
		return Identity{}, false
	}
	return r.holders[found-1], true
}
