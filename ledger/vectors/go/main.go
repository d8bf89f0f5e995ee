// Command verify checks an evidence package with Go's own note and tlog packages, unmodified.
//
// With Debian's packages golang-go and golang-golang-x-mod-dev:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run main.go PACKAGE.zip FOUNDING_ENTRY_ID
//
// Elsewhere "go mod init verify" and "go mod tidy" fetch golang.org/x/mod first.
// It shares no line with FedCredit. It checks the digests, every entry's signatures, its place in
// the tree, and the log's and the witnesses' signatures under every checkpoint; not the rules.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type founder struct {
	Party   string `json:"party"`
	Signing string `json:"signing_vkey"`
}

type entry struct {
	Author string `json:"author"`
	Type   string `json:"type"`
	Data   struct {
		Log      string    `json:"log_vkey"`
		Founders []founder `json:"founders"`
		Policy   []string  `json:"witness_policy"`
	} `json:"data"`
}

func demand(good bool, format string, values ...interface{}) {
	if !good {
		fmt.Fprintf(os.Stderr, "INVALID: "+format+"\n", values...)
		os.Exit(59)
	}
}

// read returns the files of the package after checking SHA256SUMS.
func read(path string) map[string][]byte {
	archive, err := zip.OpenReader(path)
	demand(err == nil, "archive: %v", err)
	files := map[string][]byte{}
	for _, file := range archive.File {
		stream, err := file.Open()
		demand(err == nil, "%s: %v", file.Name, err)
		data, err := io.ReadAll(stream)
		demand(err == nil && files[file.Name] == nil, "%s: damaged, or twice", file.Name)
		files[file.Name] = data
	}
	lines := strings.Split(strings.TrimSpace(string(files["SHA256SUMS"])), "\n")
	demand(len(lines) == len(files)-1, "SHA256SUMS: another number of files")
	for _, line := range lines {
		parts := strings.SplitN(line, "  ", 2)
		demand(len(parts) == 2, "SHA256SUMS: a line is not of its form")
		sum := sha256.Sum256(files[parts[1]])
		demand(fmt.Sprintf("%x", sum) == parts[0], "%s: another digest", parts[1])
	}
	return files
}

// parse splits a leaf into the author's note, its body and the id of the entry.
func parse(name string, leaf []byte) (string, entry, string) {
	parts := bytes.SplitN(leaf, []byte("\n"), 5)
	demand(len(parts) == 5, "%s: no leaf", name)
	text := parts[4][:bytes.LastIndex(parts[4], []byte("\n\n"))+1]
	lines := strings.SplitN(string(text), "\n", 3)
	demand(lines[0] == "fedcredit-ledger-entry/v1", "%s: no entry", name)
	var body entry
	demand(json.Unmarshal([]byte(lines[1]), &body) == nil, "%s: no JSON", name)
	return string(parts[4]), body, fmt.Sprintf("%x", sha256.Sum256(text))
}

// cosigned counts the lines of a checkpoint that witnesses of the policy signed (cosignature/v1).
func cosigned(head *note.Note, text string, policy []string) int {
	count := 0
	for _, line := range policy {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "witness" {
			continue
		}
		vkey := strings.SplitN(words[2], "+", 3)
		key, _ := base64.StdEncoding.DecodeString(vkey[2])
		for _, signature := range head.UnverifiedSigs {
			raw, _ := base64.StdEncoding.DecodeString(signature.Base64)
			if signature.Name != vkey[0] || fmt.Sprintf("%08x", signature.Hash) != vkey[1] {
				continue
			}
			seconds := binary.BigEndian.Uint64(raw[4:12])
			message := fmt.Sprintf("cosignature/v1\ntime %d\n", seconds) + text
			good := ed25519.Verify(ed25519.PublicKey(key[1:]), []byte(message), raw[12:])
			demand(good, "checkpoint: the co-signature of %s does not verify", vkey[0])
			count++
		}
	}
	return count
}

func main() {
	demand(len(os.Args) == 3, "usage: verify PACKAGE.zip FOUNDING_ENTRY_ID")
	files := read(os.Args[1])
	_, founding, id := parse("entries/0.leaf", files["entries/0.leaf"])
	demand(id == os.Args[2], "entries/0.leaf: another founding entry")
	log, err := note.NewVerifier(founding.Data.Log)
	demand(err == nil, "log key: %v", err)
	keys := map[string]note.Verifier{}
	all := []note.Verifier{}
	for _, member := range founding.Data.Founders {
		key, err := note.NewVerifier(member.Signing)
		demand(err == nil, "key of %s: %v", member.Party, err)
		keys[member.Party] = key
		all = append(all, key)
	}

	head, err := note.Open(files["checkpoint"], note.VerifierList(log))
	demand(err == nil, "checkpoint: %v", err)
	lines := strings.Split(head.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	demand(err == nil && lines[0] == log.Name(), "checkpoint: not of this ledger")
	root, err := tlog.ParseHash(lines[2])
	demand(err == nil, "checkpoint: %v", err)
	witnesses := cosigned(head, head.Text, founding.Data.Policy)

	entries := 0
	for name, leaf := range files {
		if !strings.HasSuffix(name, ".leaf") {
			continue
		}
		text, body, _ := parse(name, leaf)
		signers := note.VerifierList(keys[body.Author])
		if body.Type == "federation-created" {
			signers = note.VerifierList(all...)
		}
		opened, err := note.Open([]byte(text), signers)
		demand(err == nil && len(opened.UnverifiedSigs) == 0, "%s: %v", name, err)

		proof := strings.Split(string(files[strings.TrimSuffix(name, "leaf")+"tlog-proof"]), "\n")
		index, err := strconv.ParseInt(strings.TrimPrefix(proof[1], "index "), 10, 64)
		demand(err == nil && name == fmt.Sprintf("entries/%d.leaf", index), "%s: another index", name)
		path := tlog.RecordProof{}
		for _, line := range proof[2:] {
			if line == "" {
				break
			}
			hash, err := tlog.ParseHash(line)
			demand(err == nil, "%s: %v", name, err)
			path = append(path, hash)
		}
		err = tlog.CheckRecord(path, size, root, index, tlog.RecordHash(leaf))
		demand(err == nil, "%s: %v", name, err)
		entries++
	}
	fmt.Printf("%d entries under a checkpoint of %d leaves, %d witnesses: VALID\n",
		entries, size, witnesses)
}
