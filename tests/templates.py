"""Chat templates as models of the Hub carry them, and a tokenizer for each, made on the spot."""

from typing import Any, NamedTuple

from stages.models.templates import with_arguments

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN25 = (  # Qwen/Qwen2.5-7B-Instruct, without its tools
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{%- if message.role == 'user' or (message.role == 'system' and not loop.first) "
    "or (message.role == 'assistant' and not message.tool_calls) %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
QWEN3 = (  # Qwen/Qwen3-8B, its heart: thoughts of turns before the last question are taken out
    "{%- set ns = namespace(last=0) %}"
    "{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.role == 'assistant' %}{%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}"
    "{%- set thought = message.content.split('</think>')[0].split('<think>')[-1].strip('\\n') if '</think>' in message.content else '' %}"
    "{%- if loop.index0 > ns.last %}{{- '<think>\\n' + thought + '\\n</think>\\n\\n' + content }}{%- else %}{{- content }}{%- endif %}"
    "{%- else %}{{- message.content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
LLAMA3 = (  # meta-llama/Meta-Llama-3-8B-Instruct
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = (  # google/gemma-2-9b-it
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA2 = (  # meta-llama/Llama-2-7b-chat-hf, without its system turn
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)


# The templates below are written here in our own words: each does what today's templates of the family do with a chat.
QWEN3_SWITCH = QWEN3.replace(  # with the switch of thinking: off, generation begins behind an empty thought
    "{{- '<|im_start|>assistant\\n' }}{%- endif %}",
    "{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and not enable_thinking %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}",
)
R1 = (  # DeepSeek-R1 and its distilled models: generation begins within a thought, and no thought is shown of a finished turn
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|User|>' + m.content }}{% elif m.role == 'assistant' %}"
    "{{ '<|Assistant|>' + m.content.split('</think>')[-1] + '<|end|>' }}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|><think>\n' }}{% endif %}"
)
QWQ = (  # QwQ: generation begins within a thought; a finished turn shows its thought only where it is the last
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' and not loop.last %}"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)
PHI3 = (  # Phi-3: another token stands behind the whole chat
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ '<|endoftext|>' }}{% endif %}"
)
PHI3_EARLY = (  # its first version: each question opens the answer, whether one is asked for or not
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|user|>\n' + m.content + '<|end|>\n<|assistant|>\n' }}"
    "{% else %}{{ m.content + '<|end|>\n' }}{% endif %}{% endfor %}"
)
PHI4 = (  # a mark of its own between the role and the words
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
MISTRAL = (  # the system's words stand before the last question
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set told = messages[0].content + '\n\n' %}{% set rest = messages[1:] %}"
    "{% else %}{% set told = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}{% if m.role == 'user' %}"
    "{{ '[INST] ' + (told if loop.index0 >= rest | length - 2 else '') + m.content + '[/INST]' }}"
    "{% else %}{{ ' ' + m.content.strip() + eos_token }}{% endif %}{% endfor %}"
)
GEMMA3 = (  # the system's words stand in the first question
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set told = messages[0].content + '\n\n' %}{% set rest = messages[1:] %}"
    "{% else %}{% set told = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + (told if loop.first else '') }}"
    "{{ m.content | trim }}{{ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA31 = (  # Llama 3.1 and later: the system's turn names today's date
    "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{% if messages[0].role == 'system' %}{% set told = messages[0].content %}{% set rest = messages[1:] %}"
    "{% else %}{% set told = '' %}{% set rest = messages %}{% endif %}"
    "{{ bos_token + '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' + told + '<|eot_id|>' }}"
    "{% for m in rest %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
ZEPHYR = (  # the end of a text ends every turn
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
VICUNA = (  # roles in plain words
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content + ' ' }}{% elif m.role == 'user' %}"
    "{{ 'USER: ' + m.content + ' ' }}{% else %}{{ 'ASSISTANT: ' + m.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
GRANITE = (  # roles between two marks
    "{% for m in messages %}{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
)
COMMAND = (  # a mark for the turn and one for the role
    "{{ bos_token }}{% for m in messages %}{{ '<|START_OF_TURN_TOKEN|><|' + m.role | upper + '_TOKEN|>' + m.content.strip() }}"
    "{{ '<|END_OF_TURN_TOKEN|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|ASSISTANT_TOKEN|>' }}{% endif %}"
)
SMOLLM2 = (  # a system's turn where the chat has none
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nYou are SmolLM.<|im_end|>\n' }}{% endif %}" + CHATML
)
HARMONY = (  # gpt-oss: an answer is the message of a channel, and the prompt leaves the channel open
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|start|>assistant<|channel|>final<|message|>' + m.content }}"
    "{% else %}{{ '<|start|>' + m.role + '<|message|>' + m.content }}{% endif %}"
    "{{ '<|return|>' if loop.last and m.role == 'assistant' else '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)


class Family(NamedTuple):
    """A template with the special tokens that it is used with: `end` closes the assistant's turn."""

    template: str
    special: list[str]
    end: str
    trims: bool = False  # whether its tokenizer leaves spaces out of their own offsets
    before: str = ""  # what is learnt before the words of an answer without a thought
    after: str = ""  # what is learnt between the words and the end
    system: bool = True  # whether it takes a system's turn
    rewrites: bool = False  # whether it writes a turn differently once another follows: each turn is a row
    opens: bool = False  # whether generation begins within a thought, of which a finished turn shows nothing
    clock: bool = False  # whether it writes today's date


CHATML_TOKENS = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
LLAMA3_TOKENS = ["<|finetune_right_pad_id|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
GEMMA_TOKENS = ["<pad>", "<bos>", "<start_of_turn>", "<end_of_turn>"]
EMPTY = "<think>\n\n</think>\n\n"
FAMILIES = {
    "chatml": Family(CHATML, CHATML_TOKENS, "<|im_end|>"),
    "qwen25": Family(QWEN25, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>"),
    "qwen3": Family(QWEN3, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>", before=EMPTY, rewrites=True),
    "qwen3 switch": Family(QWEN3_SWITCH, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>", before=EMPTY, rewrites=True),
    "llama3": Family(LLAMA3, LLAMA3_TOKENS, "<|eot_id|>", trims=True),
    "llama31": Family(LLAMA31, LLAMA3_TOKENS, "<|eot_id|>", trims=True, clock=True),
    "gemma": Family(GEMMA, GEMMA_TOKENS, "<end_of_turn>", system=False),
    "gemma3": Family(GEMMA3, GEMMA_TOKENS, "<end_of_turn>"),
    "llama2": Family(LLAMA2, ["<pad>", "<s>", "</s>"], "</s>", before=" ", after=" ", system=False),
    "mistral": Family(MISTRAL, ["<pad>", "<s>", "[INST]", "[/INST]", "</s>"], "</s>", before=" "),
    "r1": Family(R1, ["<|pad|>", "<|begin|>", "<|User|>", "<|Assistant|>", "<|end|>"], "<|end|>", before="\n</think>\n\n", opens=True),
    "qwq": Family(QWQ, CHATML_TOKENS, "<|im_end|>", before="\n</think>\n\n", opens=True),
    "phi3": Family(PHI3, ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], "<|end|>"),
    "phi3 early": Family(PHI3_EARLY, ["<|endoftext|>", "<s>", "<|user|>", "<|assistant|>", "<|end|>"], "<|end|>", system=False),
    "phi4": Family(PHI4, ["<|dummy|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>"], "<|im_end|>"),
    "zephyr": Family(ZEPHYR, ["<unk>", "<s>", "</s>"], "</s>"),
    "vicuna": Family(VICUNA, ["<unk>", "<s>", "</s>"], "</s>", before=" "),
    "granite": Family(GRANITE, ["<pad>", "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"], "<|end_of_text|>"),
    "command": Family(COMMAND, ["<PAD>", "<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"], "<|END_OF_TURN_TOKEN|>"),
    "smollm2": Family(SMOLLM2, CHATML_TOKENS, "<|im_end|>"),
    "harmony": Family(
        HARMONY,
        ["<|pad|>", "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>"],
        "<|return|>",
        before="<|channel|>final<|message|>",
        rewrites=True,
    ),
}


def tokenizer(name: str, texts: list[str], vocabulary: int = 340, date: bool = True) -> Any:
    """A byte-level BPE tokenizer for the family; the first special token pads, the second begins a text, the last ends a turn.

    A template that writes today's date is given one, where `date` says so.
    Only the tokens with a role are named to transformers, as on the Hub; the others are special by their mark in tokenizer.json alone.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    family = FAMILIES[name]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    if family.trims:
        core.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=family.special, initial_alphabet=alphabet, show_progress=False)
    core.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=family.special[0], bos_token=family.special[1], eos_token=family.special[-1]
    )
    made.chat_template = family.template
    return with_arguments(made, {}, "2024-07-26", name) if family.clock and date else made
