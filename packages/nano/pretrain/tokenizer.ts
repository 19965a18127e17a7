/** Nano's tokenizer in Hugging Face's layout. */
import { type Bpe, PRETOKENISER } from "./Bpe.ts"

export const SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const

/** ChatML without a system turn of its own making. */
export const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/** Text before an answer, and the answer with its end. */
export const userPart = (user: string): string => `<|im_start|>user\n${user}<|im_end|>\n<|im_start|>assistant\n`
export const assistantPart = (assistant: string): string => `${assistant}<|im_end|>`

/** tokenizer.json: the specials take the ids behind the vocabulary, as Qwen's do. */
export const tokenizerJson = (bpe: Bpe) => {
  const added = SPECIALS.map((content, i) => ({
    id: bpe.tokens.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: PRETOKENISER }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(bpe.tokens.map((token, id) => [token, id])),
      merges: bpe.merges.map(([left, right]) => [left, right]),
    },
  }
}

export const tokenizerConfigJson = () => ({
  add_bos_token: false,
  add_prefix_space: false,
  bos_token: null,
  chat_template: CHAT_TEMPLATE,
  clean_up_tokenization_spaces: false,
  eos_token: "<|im_end|>",
  errors: "replace",
  model_max_length: 512,
  pad_token: "<|endoftext|>",
  split_special_tokens: false,
  tokenizer_class: "Qwen2Tokenizer",
  unk_token: null,
})
