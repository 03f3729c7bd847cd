package image

// What a tenant writes is compared with what others wrote, and repeated in messages and
// reports. These are the sizes, in bytes, up to which that is done, so that no text costs
// another tenant more than a moment.
const (
	// maxReference is the longest text that is read as one reference. A repository has
	// 255 bytes at most, a tag 128, a digest about as many.
	maxReference = 1024

	// maxQuote is how much of a text a message repeats.
	maxQuote = 120

	// maxPath is how long a path is printed, its root aside. Values can nest thousands
	// deep, and each image in them has a path.
	maxPath = 240

	// maxKeyBefore is how far before a reference inside a text its key is looked for.
	maxKeyBefore = 128
)
