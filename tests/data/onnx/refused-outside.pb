	pytorch2.15.0:Õ
main_graph*gBCmodel.encoder.pos_conv_embed.conv.parametrizations.weight.original1j
location
../weightspZ*
input_values

batch
	samplesb2
last_hidden_state

batch
frames
B