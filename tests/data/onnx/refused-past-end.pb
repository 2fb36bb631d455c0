	pytorch2.15.0:„
main_graph*•BCmodel.encoder.pos_conv_embed.conv.parametrizations.weight.original1j
locationmake_refused.pyj
offset1099511627776j
length4096pZ*
input_values

batch
	samplesb2
last_hidden_state

batch
frames
B