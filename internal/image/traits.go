package image

// keyTraits are what a key says of what stands under it.
type keyTraits struct {
	plain string
	// image: it promises an image, images: several of them.
	image, images bool
	// closes: it is for secrets, or for where pods run. credential: it is that of a credential.
	closes, credential bool
}

// maxKeys is of how many keys the traits are kept. Few charts have that many.
const maxKeys = 1000

// traits returns the traits of a key.
func (f *finder) traits(key string) keyTraits {
	if t, ok := f.keys[key]; ok {
		return t
	}
	t := keyTraits{
		plain: plain(key), image: isImageKey(key), images: isImagesKey(key),
		closes: IsSecretKey(key) || isPlacementKey(key), credential: IsCredentialKey(key),
	}
	if f.keys == nil {
		f.keys = map[string]keyTraits{}
	}
	if len(f.keys) < maxKeys {
		f.keys[key] = t
	}
	return t
}
