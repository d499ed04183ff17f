"""The captions' words in Chinese: attribute words, leads and frames."""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "black": "黑色", "brown": "棕色", "blonde": "金色", "red": "红色", "orange": "橙色",
    "gray": "灰色", "white": "白色", "blue": "蓝色", "green": "绿色", "pink": "粉色",
    "purple": "紫色", "yellow": "黄色", "rainbow": "彩虹色",
    "dark blue": "深蓝色", "dark green": "深绿色", "dark purple": "深紫色", "dark red": "深红色",
    "pale": "白皙", "tan": "小麦色", "dark": "黑",
    "comic": "漫画", "cartoon": "卡通", "flat": "扁平", "voxel": "像素方块",
    "long": "长发", "long wavy": "长卷发", "long hair with flowers": "长发戴花", "bob": "波波头",
    "bun": "丸子头", "two buns": "双丸子头", "pigtails": "双马尾", "ponytail": "马尾",
    "braid": "辫子", "short": "短发", "short curly": "短卷发", "mohawk": "莫西干头",
    "spiky": "刺猬头", "buzz cut": "寸头", "bald": "光头",
    "big smile": "大笑", "laughing": "开怀大笑", "smile": "微笑", "surprised": "惊讶",
    "sad": "难过", "serious": "严肃", "red lips": "红唇", "tongue out": "吐舌头",
    "teeth": "露牙",
    "winking": "眨眼", "closed eyes": "闭眼", "sleepy eyes": "困倦的眼睛",
    "sparkling eyes": "闪亮的眼睛", "angry eyes": "生气的眼睛",
    "one eye": "一只眼睛", "three eyes": "三只眼睛", "four eyes": "四只眼睛",
    "freckles": "雀斑", "blush": "腮红", "glasses": "眼镜", "sunglasses": "墨镜",
    "beard": "胡子", "long beard": "长胡子", "moustache": "八字胡", "goatee": "山羊胡",
    "dress": "连衣裙", "jacket": "夹克", "shirt": "衬衫", "t-shirt": "T恤",
    "turtleneck": "高领毛衣", "checkered shirt": "格子衬衫", "striped shirt": "条纹衫",
    "overalls": "背带裤", "hoodie": "连帽衫",
    "striped": "条纹", "cratered": "环形山", "cracked": "裂纹", "cloudy": "云纹",
    "with continents": "有大陆", "ring": "光环", "double ring": "双光环", "moon": "月亮",
    "stars": "星星", "sparkling stars": "闪烁的星星",
    "rolling hills": "丘陵", "mountains": "山脉",
    "yellow sun": "黄色太阳", "orange sun": "橙色太阳", "red sun": "红色太阳",
    "white sun": "白色太阳",
    "cactus": "仙人掌", "flower": "花", "tulip": "郁金香", "palm tree": "棕榈树",
    "bush": "灌木", "sprout": "幼苗", "succulent": "多肉植物", "grass": "小草",
    "horns": "角", "antennae": "触角", "round ears": "圆耳朵", "pointy ears": "尖耳朵",
    "spikes": "尖刺",
}  # fmt: skip
LEADS: Mapping[str, tuple[str, ...]] = {
    "woman": ("美丽的女士", "女士", "女孩", "女人", "一位女士的肖像"),
    "man": ("男士", "男孩", "男人", "一位男士的肖像"),
    "planet": ("星球", "行星"),
    "landscape": ("风景", "风景画"),
    "plant": ("盆栽", "盆栽植物"),
    "monster": ("怪物", "小怪物"),
}
COMMA = "\uff0c"
FIGURE = "小人"  # follows the lead of a voxel figure
# What is said around a word; {} is the word.
FRAMES: Mapping[str, str] = {
    "hair_colour": "{}头发",
    "skin": "{}皮肤",
    "background": "{}背景",
    "style": "{}风格",
    "pot_colour": "{}花盆",
    "bloom_colour": "{}花朵",
}
