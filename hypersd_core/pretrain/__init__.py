"""Makes the embedded base model from openly licensed drawings; never imported by the bot.

``python -m hypersd_core.pretrain`` goes from nothing to ``data/models/<name>``: pictures with exact
captions (``drawings``, ``captions``), tokenizer, autoencoder, text encoders and UNet, export.

``python -m hypersd_core.pretrain.stages`` does the same for a model of 128 px with more subjects
(``subjects``, ``wording``), one stage at a time.
"""
