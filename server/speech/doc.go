// Package speech has what a screen at the bins says as sound: rendered by
// espeak-ng, a child process, or a person's recording from a voice pack.
//
// It says a closed set of sentences, each by its key: the advice on an item
// class (class-battery), a category's name (category-hazardous), where to put
// what was taken out again (removed-hazardous), and a few phrases (thanks). No
// text of a caller's ever reaches the renderer.
//
// A voice pack is a folder of Packs' folder:
//
//	pack.yaml            name: {zh: 杭州话, en: Hangzhou dialect}
//	                     language: zh-CN
//	                     licence: CC-BY-4.0
//	class-battery.ogg    one file a key: .wav, .ogg or .mp3
//
// It stands in for the language that it names; of a key that it lacks, or
// whose file is unsound, the rendered sentence is taken. Folders are looked at
// again when they have changed, without a restart. `binside voices render` makes
// a complete one, whose files a speaker then replaces one by one.
package speech
