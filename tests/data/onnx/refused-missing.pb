	pytorch2.15.0:Ö
main_graph*hBCmodel.encoder.pos_conv_embed.conv.parametrizations.weight.original1j
locationnowhere.binpZ*
input_values

batch
	samplesb2
last_hidden_state

batch
frames
B