package message

import "github.com/sluicemail/sluice/framework/internal/ascii"

// Form says where the value of a field may have encoded words (RFC 2047 section
// 5).
type Form int

const (
	// FormText is the form of unstructured fields, such as Subject, and of
	// fields that are not known: encoded words may be anywhere. See
	// [EncodeText].
	FormText Form = iota
	// FormPhrases is the form of fields with phrases, most of them fields of
	// addresses, such as From: encoded words may be in phrases and comments.
	// See [EncodeAddresses].
	FormPhrases
	// FormStructured is the form of structured fields without phrases, such as
	// Message-ID: encoded words have no meaning there, but for comments.
	FormStructured
)

// FormOf returns the form of the field with the name. Case is ignored. A name that
// begins with Resent-, such as Resent-To, has the form of the rest, here of To.
func FormOf(name string) Form {
	if len(name) > len("Resent-") && ascii.EqualFold(name[:len("Resent-")], "Resent-") {
		name = name[len("Resent-"):]
	}
	for _, m := range [...]string{
		"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Author", "Apparently-To", "Errors-To", "Mail-Followup-To",
		"Mail-Reply-To", "Disposition-Notification-To", "Return-Receipt-To", "X-Original-From", "Keywords", "List-Id",
		"List-Help", "List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive",
	} {
		if ascii.EqualFold(name, m) {
			return FormPhrases
		}
	}
	for _, m := range [...]string{
		"Message-ID", "In-Reply-To", "References", "Date", "Received", "Return-Path", "Delivered-To", "X-Original-To",
		"MIME-Version", "Content-ID", "Content-Transfer-Encoding", "Content-Type", "Content-Disposition", "Content-Location",
		"DKIM-Signature", "DomainKey-Signature", "Received-SPF", "Authentication-Results", "ARC-Authentication-Results",
		"ARC-Message-Signature", "ARC-Seal", "List-Unsubscribe-Post", "Auto-Submitted", "Original-Message-ID",
	} {
		if ascii.EqualFold(name, m) {
			return FormStructured
		}
	}
	return FormText
}
